import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_MS, openTestRecords, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { addPointers, openQueue } from '../queues.ts';
import { markAnswered } from './publish.ts';
import { waitInfo } from './wait-info.ts';

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

const infoOf = async (id: string) => waitInfo(records.store, await records.read(id), LEASE_MS);
const hold = (scope: string) =>
  records.store.redis.hset(records.store.keys.hold(scope), {
    since: 1,
    next_probe_at: 1_900_000_000_000,
    reason: `${scope} says no`,
  });

describe('why a generation waits', () => {
  it('names the first that applies, in the order of the contract', async () => {
    const { redis, keys } = records.store;
    const id = await records.accepted();
    await records.release(id, await records.claimed(id), 'not_sent', { delayMs: 60_000, waitReason: 'upstream' });
    const seen: unknown[] = [];
    const look = async () => seen.push((await infoOf(id))?.blocked_by);
    await redis.hset(keys.bull('meta'), 'paused', 1);
    await hold('account');
    await hold('model:music-01');
    await look();
    await redis.hdel(keys.bull('meta'), 'paused');
    await look();
    await redis.del(keys.hold('account'));
    await look();
    await redis.del(keys.hold('model:music-01'));
    await redis.hset(keys.generation(id), 'wait_reason', 'storage');
    await look();
    await redis.hset(keys.generation(id), 'wait_reason', 'upstream');
    await look();
    await records.alive('w1');
    await look();
    await records.due(id);
    await look();
    expect(seen).toEqual(['paused', 'account', 'model', 'storage', 'no_worker', 'upstream', null]);
  });

  it('says until when, and quotes the reason of a hold', async () => {
    const id = await records.accepted();
    await hold('account');
    expect(await infoOf(id)).toMatchObject({
      blocked_by: 'account',
      blocked_until: '2030-03-17T17:46:40.000Z',
      reason: 'account says no',
    });
  });

  it.each(['quota', 'rate_limit', 'backoff', 'upstream'] as const)(
    'names %s until the delay is over',
    async (waitReason) => {
      await records.alive('w1');
      const id = await records.accepted();
      await records.release(id, await records.claimed(id), 'rate_limited', { delayMs: 60_000, waitReason });
      const info = await infoOf(id);
      expect(info?.blocked_by).toBe(waitReason);
      const { notBeforeMs } = await records.read(id);
      expect(Date.parse(info!.blocked_until!)).toBe(notBeforeMs);
    },
  );

  it('names storage while an answer of an earlier run waits for it', async () => {
    await records.alive('w1');
    const id = await records.accepted();
    const token = await records.claimed(id);
    await records.cancel(id);
    await records.reopen(id);
    await markAnswered(records.store, { id, token, upstream: null });
    expect(await infoOf(id)).toMatchObject({ blocked_by: 'storage', blocked_until: null });
  });

  it('counts its position through the window and the line behind it', async () => {
    const { redis, keys } = records.store;
    await redis.set(`${keys.root}window-size`, 2);
    const queue = openQueue('generate', redis, `t${opened}`);
    const ids = [];
    for (let n = 0; n < 4; n++) {
      const answer = await records.accept();
      ids.push(answer.asked);
      if (answer.outcome === 'accepted' && answer.pointer) await addPointers(queue, [answer.pointer]);
    }
    const positions = [];
    for (const id of ids) positions.push((await infoOf(id))?.position);
    expect(positions).toEqual([1, 2, 3, 4]);
    await queue.close();
  });

  it('is nothing to tell once it runs or is settled', async () => {
    const id = await records.accepted();
    const token = await records.claimed(id);
    expect(await infoOf(id)).toBeNull();
    await records.publish(id, token);
    expect(await infoOf(id)).toBeNull();
  });
});
