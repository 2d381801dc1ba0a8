import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestRecords, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';

const BASE = 2000;
let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(() => {
  opened += 1;
  records = openTestRecords(server.url, `t${opened}`);
});
afterEach(() => records.close());
afterAll(() => server.stop());

/** As a worker does when it starts. */
const settings = ({ max, duration }: { max: number; duration: number }) =>
  Promise.all(
    [records.store.keys.rate, records.store.keys.bull('meta')].map((key) =>
      records.store.redis.hset(key, { max, duration }),
    ),
  );
const SIX_A_MINUTE = { max: 1, duration: 10_000 };
const UNLIMITED = { max: 1_000_000_000, duration: 1000 };

/** Seconds between two starts, as BullMQ spaces them now. */
async function gap(): Promise<number> {
  const [max, duration] = await records.store.redis.hmget(records.store.keys.bull('meta'), 'max', 'duration');
  return Number(duration) / Number(max) / 1000;
}
const start = async () => {
  const id = await records.accepted();
  const token = await records.claimed(id);
  return { id, token };
};
const breaker = { firstMs: BASE, longestMs: 60 * BASE };
const refuse = async (call?: { id: string; token: string }) => {
  const { id, token } = call ?? (await start());
  await records.release(id, token, 'rate_limited', { breaker });
};
const sing = async (call?: { id: string; token: string }) => {
  const { id, token } = call ?? (await start());
  await records.publish(id, token);
};
/** Calls of the same millisecond as a refusal may have been under way. */
const tick = () => new Promise((resolve) => setTimeout(resolve, 2));

describe('the pace of starts', () => {
  it('is that of the settings while nobody refuses, whatever else goes wrong', async () => {
    await settings(SIX_A_MINUTE);
    for (const kind of ['timeout', 'stated_failure', 'content_rejected', 'not_sent', 'account'] as const) {
      const { id, token } = await start();
      await records.release(id, token, kind, { breaker });
    }
    expect(await gap()).toBe(10);
  });

  it('is halved by a refusal and comes back with each call that gets through', async () => {
    await settings(SIX_A_MINUTE);
    await refuse();
    await tick();
    expect(await gap()).toBe(20);
    const seen: number[] = [];
    for (let n = 0; n < 60 && (await gap()) > 10; n++) {
      await sing();
      seen.push(await gap());
    }
    expect(seen[0]).toBe(18);
    expect(seen.every((each, n) => n === 0 || each < seen[n - 1]!)).toBe(true);
    // Fast at first, then carefully: it takes at least twenty songs to reach what was refused.
    expect(seen.length).toBeGreaterThan(20);
    expect(await gap()).toBe(10);
    expect(await records.store.redis.exists(records.store.keys.pace)).toBe(0);
  });

  it('is halved once for calls that were under way together, and by a later refusal again, to one a minute at the slowest', async () => {
    await settings(SIX_A_MINUTE);
    const together = [await start(), await start(), await start()];
    for (const call of together) await refuse(call);
    expect(await gap()).toBe(20);
    const gaps: number[] = [];
    for (let n = 0; n < 3; n++) {
      await tick();
      await refuse();
      gaps.push(await gap());
    }
    expect(gaps).toEqual([40, 60, 60]);
  });

  it('is not quickened by a song whose call began before the refusal', async () => {
    await settings(SIX_A_MINUTE);
    const before = await start();
    await refuse();
    await sing(before);
    expect(await gap()).toBe(20);
  });

  it('begins at six a minute where the settings know no rate, and ends unlimited', async () => {
    await settings(UNLIMITED);
    await refuse();
    await tick();
    expect(await gap()).toBe(10);
    for (let n = 0; n < 400 && (await records.store.redis.exists(records.store.keys.pace)) === 1; n++) await sing();
    expect(await records.store.redis.hmget(records.store.keys.bull('meta'), 'max', 'duration')).toEqual([
      '1000000000',
      '1000',
    ]);
  });
});
