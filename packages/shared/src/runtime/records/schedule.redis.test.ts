import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_MS, openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { takeDue } from './feed.ts';
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

const HOUR = 3_600_000;
const at = (ms: number) => new Date(Date.now() + ms).toISOString();
const due = (most = 100) => takeDue(records.store, { worker: 'w1', leaseMs: LEASE_MS, most });
const scheduled = (times: { run_at?: string; start_by?: string }) => records.accepted({ request: requestOf(times) });
/** Makes the time come, without waiting for it. */
const comes = (set: 'scheduled' | 'deadlines', ...ids: string[]) =>
  records.store.redis.zadd(records.store.keys[set], ...ids.flatMap((id) => [1, id]));

describe('a song with a time of its own', () => {
  it('waits outside the line until then, and says so', async () => {
    await records.alive('w1');
    const run_at = at(HOUR);
    const id = await scheduled({ run_at });
    expect(await waitInfo(records.store, await records.read(id), LEASE_MS)).toMatchObject({
      ...{ blocked_by: 'schedule', blocked_until: run_at, position: null },
    });
    expect(await due()).toEqual({ canceled: [], cameIntoLine: 0, pointers: [] });
    expect(await records.claim(id)).toMatchObject({ outcome: 'early' });
    await comes('scheduled', id);
    expect(await due()).toEqual({ canceled: [], cameIntoLine: 1, pointers: [{ id, run: 1, priority: 'normal' }] });
    await records.claimed(id);
    expect((await records.read(id)).history.map(({ status }) => status)).toEqual(['scheduled', 'queued', 'processing']);
  });

  it('is in line at once when the time is past, and counts as waiting before it', async () => {
    expect(await records.accept({ request: requestOf({ run_at: at(-HOUR) }) })).toMatchObject({ status: 'queued' });
    expect(await records.accept({ request: requestOf({ run_at: at(HOUR) }) })).toMatchObject({
      ...{ status: 'scheduled', pointer: null },
    });
    expect(await records.accept({ maxWaiting: 2 })).toMatchObject({ outcome: 'queue_full' });
  });

  it('comes into line in pages, behind nobody of its class that came later', async () => {
    const ids = [];
    for (let n = 0; n < 25; n++) ids.push(await scheduled({ run_at: at(HOUR + n) }));
    await comes('scheduled', ...ids);
    const sizes = [];
    for (let n = 0; n < 4; n++) sizes.push((await due(10))!.cameIntoLine);
    expect(sizes).toEqual([10, 10, 5, 0]);
  });

  it('is canceled as expired when no call was started in time, whether anybody picks it up or not', async () => {
    const [picked, forgotten] = [await scheduled({ start_by: at(HOUR) }), await scheduled({ start_by: at(HOUR) })];
    await comes('deadlines', picked, forgotten);
    expect(await records.claim(picked)).toEqual({ outcome: 'settled', status: 'canceled' });
    expect(await due()).toMatchObject({ canceled: [{ id: forgotten, run: 1 }] });
    for (const id of [picked, forgotten]) {
      expect(await records.read(id)).toMatchObject({
        status: 'canceled',
        attemptsTotal: 0,
        error: { code: 'expired' },
      });
    }
  });

  it('does not expire once its first call was made, nor after a retry', async () => {
    const called = await scheduled({ start_by: at(HOUR) });
    await comes('deadlines', called);
    await records.store.redis.zadd(records.store.keys.deadlines, Date.now() + HOUR, called);
    await records.release(called, await records.claimed(called), 'stated_failure');
    const expired = await scheduled({ start_by: at(HOUR) });
    await comes('deadlines', expired);
    await due();
    await records.reopen(expired);
    expect(await due()).toMatchObject({ canceled: [] });
    expect(await records.store.redis.zcard(records.store.keys.deadlines)).toBe(0);
    await records.claimed(called);
    await records.claimed(expired, { run: 2 });
  });

  it('is refused when its time for a first call is over already, but a replay of it is not', async () => {
    expect((await records.accept({ request: requestOf({ start_by: at(-1000) }) })).outcome).toBe('late');
    const idempotency = { key: 'k', fingerprint: 'f' };
    const id = await records.accepted({ idempotency });
    const again = await records.accept({ idempotency, request: requestOf({ start_by: at(-1000) }) });
    expect(again).toMatchObject({ outcome: 'replayed', id });
  });
});
