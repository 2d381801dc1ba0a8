import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { eraseGeneration, idsToSweep } from './erase.ts';
import { listGenerations } from './list.ts';
import { readGeneration } from './read.ts';
import { type RetentionStep, retainPage } from './retain.ts';

let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(() => {
  opened += 1;
  records = openTestRecords(server.url, `r${opened}`);
});
afterEach(() => records.close());
afterAll(() => server.stop());

const NOW = -60_000;
const HOUR = 3_600_000;
const retain = (step: RetentionStep, ageMs = NOW) => retainPage(records.store, { step, ageMs, most: 100 });
const isPacked = async (id: string) =>
  (await records.store.redis.hkeys(records.store.keys.generation(id)))[0] === 'packed';
const keptIn = (step: RetentionStep) => records.store.redis.zrange(`${records.store.keys.root}keep:${step}`, '0', '-1');
const upstream = { http_status: 200, code: 1026, message: '"quoted": \u0001 \\ 名', trace_id: 'trace' };

/** A generation with much of what a record can hold, that ended as asked for. */
async function ended(as: 'succeeded' | 'failed' | 'canceled' | 'needs_review'): Promise<string> {
  const id = await records.accepted({
    request: requestOf({
      lyrics: 'queued "lyrics":" \u0001\n\u001f 名 succeeded',
      metadata: { 'a"b': '\u001a!' },
      custom_id: 'x',
    }),
    idempotency: { key: `key-${as}`, fingerprint: 'f' },
  });
  await records.release(id, await records.claimed(id), 'rate_limited', { upstream });
  if (as === 'canceled') {
    await records.cancel(id);
    return id;
  }
  const token = await records.claimed(id);
  if (as === 'succeeded') await records.publish(id, token);
  else
    await records.release(id, token, as === 'failed' ? 'content_rejected' : 'timeout', {
      upstream,
      maxUnknownCharges: 1,
    });
  return id;
}

describe('packing', () => {
  it.each(['succeeded', 'failed', 'canceled'] as const)(
    'changes nothing that anybody can read of a %s record',
    async (as) => {
      const id = await ended(as);
      const before = await records.read(id);
      expect(await retain('settled')).toBe(1);
      expect(await isPacked(id)).toBe(true);
      expect(await records.read(id)).toEqual(before);
      const query = { project: 'p', statuses: null, customId: 'x', errorCode: null, model: null };
      const page = await listGenerations(records.store, {
        ...{ ...query, createdAfterMs: null, createdBeforeMs: null, limit: 5, after: null },
      });
      expect(page.records).toEqual([before]);
    },
  );

  it('waits for its time, and for a person where review is needed', async () => {
    const id = await ended('succeeded');
    expect(await retain('settled', HOUR)).toBe(0);
    const review = await ended('needs_review');
    expect(await keptIn('settled')).toEqual([id]);
    await records.reopen(review, { action: 'resolve_fail' });
    expect((await keptIn('settled')).sort()).toEqual([id, review].sort());
  });

  it('is undone by a retry, a late song and a late answer, and the record is packed again after it settles', async () => {
    const id = await ended('failed');
    await retain('settled');
    expect(await records.reopen(id)).toMatchObject({ outcome: 'reopened' });
    expect([...(await keptIn('settled')), ...(await keptIn('records'))]).toEqual([]);
    const token = await records.claimed(id, { run: 2 });
    await records.cancel(id);
    await retain('settled');
    expect(await isPacked(id)).toBe(true);
    expect(await records.publish(id, token)).toMatchObject({ outcome: 'spare' });
    expect((await records.read(id)).spare?.token).toBe(token);
    await retain('settled');
    expect(await isPacked(id)).toBe(true);
    await records.reopen(id);
    expect(await records.read(id)).toMatchObject({ status: 'succeeded', attemptsTotal: 3, song: { token } });
  });

  it('answers a cancel and a claim of a packed one as before', async () => {
    const id = await ended('succeeded');
    await retain('settled');
    expect(await records.cancel(id)).toEqual({ outcome: 'conflict', status: 'succeeded' });
    expect(await records.claim(id)).toEqual({ outcome: 'done' });
    expect(await records.accept({ idempotency: { key: 'key-succeeded', fingerprint: 'f' } })).toMatchObject({
      outcome: 'replayed',
      id,
    });
  });

  it('goes on with the next ones when it runs again', async () => {
    for (let n = 0; n < 3; n++) await records.cancel(await records.accepted());
    const two = () => retainPage(records.store, { step: 'settled', ageMs: NOW, most: 2 });
    expect([await two(), await two(), await two()]).toEqual([2, 1, 0]);
  });
});

describe('the end of songs and records', () => {
  it('gives songs to the sweep of storage and keeps their records', async () => {
    const id = await ended('succeeded');
    await ended('canceled');
    await retain('settled');
    expect(await retain('songs', HOUR)).toBe(0);
    expect(await retain('songs')).toBe(1);
    expect(await idsToSweep(records.store, 10)).toEqual([id]);
    expect((await records.read(id)).song).not.toBeNull();
    expect(await keptIn('records')).toContain(id);
  });

  it('erases records with everything that points at them, and their keys a day later', async () => {
    const { redis, keys } = records.store;
    const id = await ended('canceled');
    await retain('settled');
    expect(await retain('records', HOUR)).toBe(0);
    expect(await retain('records')).toBe(1);
    expect(await readGeneration(records.store, id)).toBeNull();
    for (const name of await redis.keys(`${keys.root}*`)) {
      if ((await redis.type(name)) === 'zset') expect(await redis.zscore(name, id), name).toBeNull();
    }
    expect(await redis.exists(`${keys.root}x:${id}`)).toBe(0);
    const seconds = await redis.ttl(keys.idempotency('key-canceled'));
    expect(seconds).toBeGreaterThan(86_000);
    expect(seconds).toBeLessThanOrEqual(86_400);
  });

  it('never comes for a record before its song', async () => {
    const id = await ended('succeeded');
    await retain('settled');
    expect(await retain('records')).toBe(0);
    expect(await readGeneration(records.store, id)).not.toBeNull();
  });

  it('leaves ids and money of a packed record that its owner deleted', async () => {
    const id = await ended('succeeded');
    await retain('settled');
    expect(await eraseGeneration(records.store, id, 0)).toEqual({ outcome: 'erased' });
    const { redis, keys } = records.store;
    expect(JSON.parse((await redis.get(`${keys.root}x:${id}`))!)).toMatchObject({
      attempts: [{}, { charge: 'charged' }],
    });
    expect(await redis.ttl(`${keys.root}x:${id}`)).toBe(-1);
    expect([...(await keptIn('settled')), ...(await keptIn('songs'))]).toEqual([]);
  });
});
