import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestRecords, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { addPointers, openQueue } from '../queues.ts';
import { eraseGeneration } from './erase.ts';
import { feedWindow, findMissingPointers } from './feed.ts';

let server: TestRedis;
let records: TestRecords;

beforeAll(async () => {
  server = await startRedis();
  records = openTestRecords(server.url, 'keys');
});
afterAll(async () => {
  records.close();
  await server.stop();
});

describe('the names of keys', () => {
  it('are the same in the scripts and here, and all of them share one hash tag', async () => {
    const { redis, keys } = records.store;
    await redis.set(`${keys.root}window-size`, 2);
    await records.alive('w1');
    await redis.set(`${keys.root}window-size`, 2);
    const idempotency = { key: 'k', fingerprint: 'f' };
    const [held, parked, inWindow, inLine] = [
      await records.accepted({ idempotency }),
      await records.accepted(),
      await records.accepted(),
      await records.accepted(),
    ];
    await records.release(parked, await records.claimed(parked), 'not_sent', { delayMs: 60_000 });
    await records.release(held, await records.claimed(held), 'model', { hold: 'model:music-01' });
    await records.cancel(inWindow);
    await eraseGeneration(records.store, inWindow, 90);
    await feedWindow(records.store, { worker: 'w1', leaseMs: 60_000, most: 0 });
    const named = [
      ...[keys.ready, keys.window, keys.parked, keys.events, keys.projects, keys.workers, keys.sweep, keys.waiting],
      ...[keys.generation(held), keys.list('p'), keys.list('p', 'queued'), keys.worker('w1')],
      ...[keys.hold('model:music-01'), keys.idempotency('k')],
    ];
    for (const key of named) expect(await redis.exists(key), key).toBe(1);
    for (const key of await redis.keys('*')) expect(key).toMatch(/^\{keys\}:/);
    expect(await redis.zscore(keys.ready, inLine)).not.toBeNull();
  });

  it("of a queue job are BullMQ's own, so that repair recognises it", async () => {
    const { redis, keys } = records.store;
    const id = await records.accepted();
    await redis.zadd(keys.window, 1, id);
    const queue = openQueue('generate', redis, 'keys');
    const look = async () =>
      (
        await findMissingPointers(records.store, { set: 'window', from: 0, count: 100, olderThanMs: -1000 })
      ).missing.map((each) => each.id);
    expect(await look()).toContain(id);
    await addPointers(queue, [{ id, run: 1, priority: 'normal' }]);
    expect(await redis.exists(keys.job(id, 1))).toBe(1);
    expect(await look()).not.toContain(id);
    expect(await redis.zcard(keys.bull('prioritized'))).toBe(1);
    await queue.close();
  });
});
