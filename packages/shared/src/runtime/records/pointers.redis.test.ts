import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestRecords, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { beat, feedWindow, findMissingPointers } from './feed.ts';

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

const feed = (worker: string, most = 100) => feedWindow(records.store, { worker, leaseMs: 60_000, most });
const page = (set: 'window' | 'parked', input: { from?: number; count?: number; olderThanMs?: number } = {}) =>
  findMissingPointers(records.store, { set, from: 0, count: 100, olderThanMs: -1000, ...input });
const windowSize = () => records.store.redis.get(`${records.store.keys.root}window-size`).then(Number);

describe('the feeder', () => {
  it('is one worker at a time; the next one takes over when the lease runs out', async () => {
    expect(await feed('w1')).toEqual([]);
    expect(await feed('w2')).toBeNull();
    expect(await feed('w1')).toEqual([]);
    expect(await records.store.redis.pttl(`${records.store.keys.root}lease:feeder`)).toBeGreaterThan(0);
    await records.store.redis.del(`${records.store.keys.root}lease:feeder`);
    expect(await feed('w2')).toEqual([]);
    expect(await feed('w1')).toBeNull();
  });

  it('moves a generation of a later run with that run', async () => {
    await records.store.redis.set(`${records.store.keys.root}window-size`, 1);
    await records.accepted();
    const id = await records.accepted();
    await records.cancel(id);
    expect(await records.reopen(id)).toEqual({ outcome: 'reopened', pointer: null });
    await records.store.redis.set(`${records.store.keys.root}window-size`, 2);
    expect(await feed('w1')).toEqual([{ id, run: 2, priority: 'normal' }]);
  });

  it('drops what has no record any more', async () => {
    await records.store.redis.zadd(records.store.keys.ready, 1, 'gen_lost');
    expect(await feed('w1')).toEqual([]);
    expect(await records.store.redis.zcard(records.store.keys.ready)).toBe(0);
  });
});

describe('the window', () => {
  const is = (worker: string, concurrency: number, more: { maxConcurrency?: number; leaves?: boolean } = {}) =>
    beat(records.store, { worker, concurrency, about: {}, leaseMs: 60_000, maxConcurrency: 0, ...more });

  it('holds twice the slots of all live workers, and at least 20', async () => {
    expect(await is('w1', 5)).toEqual({ workers: 1, slots: 5 });
    expect(await windowSize()).toBe(20);
    expect(await is('w2', 50)).toEqual({ workers: 2, slots: 55 });
    expect(await windowSize()).toBe(110);
    expect(await is('w2', 50, { maxConcurrency: 13 })).toEqual({ workers: 2, slots: 13 });
    expect(await windowSize()).toBe(26);
  });

  it('does not count workers that left or fell silent', async () => {
    await is('w1', 30);
    await is('w2', 30);
    await is('w3', 30);
    await records.dead('w2');
    expect(await is('w3', 30, { leaves: true })).toEqual({ workers: 1, slots: 30 });
    expect(await records.store.redis.exists(records.store.keys.worker('w3'))).toBe(0);
    expect(await records.store.redis.exists(records.store.keys.worker('w2'))).toBe(0);
  });
});

describe('repair', () => {
  it('finds waiting generations whose pointer the queue does not have, and leaves the others alone', async () => {
    const { redis, keys } = records.store;
    const lost = await records.accepted();
    const there = await records.accepted();
    const finished = await records.accepted();
    await redis.hset(keys.job(there, 1), 'name', 'generation');
    await redis.hset(keys.job(finished, 1), 'name', 'generation', 'finishedOn', 1);
    const found = await page('window');
    expect(found).toMatchObject({ lookedAt: 3, kept: 3 });
    expect(found.missing).toHaveLength(2);
    expect(found.missing).toContainEqual({ id: lost, run: 1, priority: 'normal', finishedJobInTheWay: false });
    expect(found.missing).toContainEqual({ id: finished, run: 1, priority: 'normal', finishedJobInTheWay: true });
    expect(await page('window')).toEqual(found);
  });

  it('gives a fresh entry time to get its pointer, and a parked one until it is due', async () => {
    const id = await records.accepted();
    expect((await page('window', { olderThanMs: 60_000 })).missing).toEqual([]);
    await records.release(id, await records.claimed(id), 'not_sent', { delayMs: 60_000 });
    expect((await page('parked')).missing).toEqual([]);
    expect((await page('window')).lookedAt).toBe(0);
    expect((await page('parked', { olderThanMs: -120_000 })).missing).toMatchObject([{ id }]);
  });

  it('takes out what is settled or gone, and goes on where the page ended', async () => {
    const { redis, keys } = records.store;
    const ids = [];
    for (let n = 0; n < 6; n++) ids.push(await records.accepted());
    await records.cancel(ids[1]!);
    // What no script does: Redis forgot that these two had left.
    await redis.zadd(keys.window, 1, ids[1]!, 2, 'gen_lost');
    const first = await page('window', { count: 4 });
    expect(first).toMatchObject({ lookedAt: 4, kept: 2 });
    const second = await page('window', { count: 4, from: first.kept });
    expect(second).toMatchObject({ lookedAt: 3, kept: 3 });
    const found = [...first.missing, ...second.missing].map(({ id }) => id).sort();
    expect(found).toEqual(ids.filter((_, n) => n !== 1).sort());
    expect(await redis.zscore(keys.window, 'gen_lost')).toBeNull();
  });

  it('names a later run by its run', async () => {
    const id = await records.accepted();
    await records.cancel(id);
    await records.reopen(id);
    await records.store.redis.hset(records.store.keys.job(id, 1), 'name', 'generation');
    expect((await page('window')).missing).toMatchObject([{ id, run: 2 }]);
  });

  it('a claim takes a generation out of line even when Redis forgot that it was fed', async () => {
    const { redis, keys } = records.store;
    await redis.set(`${keys.root}window-size`, 0);
    const id = await records.accepted();
    expect(await redis.zscore(keys.ready, id)).not.toBeNull();
    const token = await records.claimed(id);
    expect(await redis.zcard(keys.ready)).toBe(0);
    await records.release(id, token, 'not_sent', { delayMs: 60_000 });
    expect(await redis.zcard(keys.window)).toBe(0);
    expect(await redis.zrange(keys.parked, '0', '-1')).toEqual([id]);
    expect(await redis.hget(`${keys.root}fair`, 'n:normal:p')).toBeNull();
  });
});
