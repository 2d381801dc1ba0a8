import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LEASE_MS, openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { eraseGeneration, forgetSwept, idsToSweep } from './erase.ts';
import { readGeneration } from './read.ts';
import { reapDeadCalls } from './reap.ts';

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

const erase = (id: string) => eraseGeneration(records.store, id, 90);
const stoneOf = async (id: string) =>
  JSON.parse((await records.store.redis.get(`${records.store.keys.root}x:${id}`))!) as Record<string, unknown>;

describe('erasing', () => {
  it('waits until a generation is settled', async () => {
    const id = await records.accepted();
    expect(await erase(id)).toEqual({ outcome: 'conflict', status: 'queued' });
    await records.claimed(id);
    expect(await erase(id)).toEqual({ outcome: 'conflict', status: 'processing' });
    expect(await erase('gen_0')).toEqual({ outcome: 'missing' });
  });

  it('removes the text and every index, and keeps id and money', async () => {
    const { redis, keys } = records.store;
    const id = await records.accepted({ request: requestOf({ lyrics: 'a very private verse' }) });
    await records.release(id, await records.claimed(id), 'timeout', {
      upstream: { http_status: 504, code: null, message: 'a very private verse', trace_id: null },
    });
    const token = await records.claimed(id);
    await records.publish(id, token);
    expect(await erase(id)).toEqual({ outcome: 'erased' });
    expect(await readGeneration(records.store, id)).toBeNull();
    expect(await stoneOf(id)).toMatchObject({
      project: 'p',
      status: 'succeeded',
      attempts: [
        { number: 1, run: 1, outcome: 'unknown', charge: 'unknown' },
        { number: 2, run: 1, outcome: 'succeeded', charge: 'charged' },
      ],
    });
    for (const key of await redis.keys('*')) {
      const type = await redis.type(key);
      if (type === 'zset') expect(await redis.zscore(key, id), key).toBeNull();
      if (type === 'string') expect(await redis.get(key), key).not.toContain('private');
      if (type === 'hash') expect(JSON.stringify(await redis.hgetall(key)), key).not.toContain('private');
      if (type === 'stream') expect(JSON.stringify(await redis.xrange(key, '-', '+')), key).not.toContain('private');
    }
    const day = 86_400;
    expect(await redis.ttl(`${keys.root}x:${id}`)).toBeGreaterThan(89 * day);
  });

  it('answers the same when asked again, and says what is still to be swept from storage', async () => {
    const id = await records.accepted();
    await records.cancel(id);
    expect(await erase(id)).toEqual({ outcome: 'erased' });
    expect(await erase(id)).toEqual({ outcome: 'erased' });
    expect(await idsToSweep(records.store, 10)).toEqual([id]);
    await forgetSwept(records.store, id);
    expect(await idsToSweep(records.store, 10)).toEqual([]);
  });

  it('writes a list of attempts even when there were none', async () => {
    const id = await records.accepted();
    await records.cancel(id);
    await erase(id);
    expect((await stoneOf(id))['attempts']).toEqual([]);
  });

  it('lets every idempotency key of the record end a day later', async () => {
    const { redis, keys } = records.store;
    const id = await records.accepted({ idempotency: { key: 'made', fingerprint: 'f' } });
    for (const key of ['first', 'second']) {
      await records.cancel(id);
      await records.reopen(id, { idempotency: { key, fingerprint: 'f' } });
    }
    await records.cancel(id);
    for (const key of ['made', 'first', 'second']) expect(await redis.ttl(keys.idempotency(key))).toBe(-1);
    await erase(id);
    for (const key of ['made', 'first', 'second']) {
      const seconds = await redis.ttl(keys.idempotency(key));
      expect(seconds, key).toBeGreaterThan(86_000);
      expect(seconds, key).toBeLessThanOrEqual(86_400);
    }
    expect(await records.accept({ idempotency: { key: 'made', fingerprint: 'f' } })).toMatchObject({
      outcome: 'replayed',
      id,
    });
  });

  it('settles the charge of a call that was open then, whatever came of it', async () => {
    const ends = {
      song: (id: string, token: string) => records.publish(id, token),
      none: (id: string, token: string) => records.release(id, token, 'stated_failure'),
      unknown: (id: string, token: string) => records.release(id, token, 'timeout'),
    };
    const seen: Record<string, unknown> = {};
    for (const [end, call] of Object.entries(ends)) {
      const { id, token } = await erasedWhileOpen();
      expect((await stoneOf(id))['attempts']).toMatchObject([{ token, worker: 'w1' }]);
      expect(await call(id, token)).toMatchObject({ outcome: 'gone' });
      seen[end] = (await stoneOf(id))['attempts'];
      expect(await records.store.redis.ttl(`${records.store.keys.root}x:${id}`)).toBeGreaterThan(3600);
    }
    expect(seen).toMatchObject({
      song: [{ outcome: 'succeeded', charge: 'charged' }],
      none: [{ outcome: 'retryable', charge: 'none' }],
      unknown: [{ outcome: 'unknown', charge: 'unknown' }],
    });
  });

  it('knows a call as unknown once its worker is dead, and better should the truth come later', async () => {
    const { id, token } = await erasedWhileOpen();
    await reapDeadCalls(records.store, LEASE_MS);
    expect((await stoneOf(id))['attempts']).toMatchObject([{ token }]);
    await records.dead('w1');
    await reapDeadCalls(records.store, LEASE_MS);
    expect((await stoneOf(id))['attempts']).toMatchObject([{ outcome: 'unknown', charge: 'unknown' }]);
    expect(await records.store.redis.zcard(records.store.keys.calls)).toBe(0);
    await records.publish(id, token);
    expect((await stoneOf(id))['attempts']).toMatchObject([{ outcome: 'succeeded', charge: 'charged' }]);
  });
});

async function erasedWhileOpen() {
  await records.alive('w1');
  const id = await records.accepted();
  const token = await records.claimed(id);
  await records.cancel(id);
  expect(await erase(id)).toEqual({ outcome: 'erased' });
  return { id, token };
}
