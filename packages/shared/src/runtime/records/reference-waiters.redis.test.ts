import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Purpose } from '../../contract/reference.ts';
import { LEASE_MS, openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { arrowsOfDocs, isByReference } from '../../testing/script-headers.ts';
import { itemId, newId, newToken } from '../ids.ts';
import { acceptBatch, readBatchRecord } from './batches.ts';
import { takeDue } from './feed.ts';
import { ingestItems } from './ingest.ts';
import { acceptReference, eraseReference, reopenReference, resolveWaiters } from './references.ts';
import { claimUpload, settleUpload } from './uploads.ts';

let server: TestRedis;
let records: TestRecords;
const taken = new Set<string>();
beforeAll(async () => {
  server = await startRedis();
  records = openTestRecords(server.url, 'waiters');
  await records.alive('w1');
});
afterAll(async () => {
  records.close();
  await server.stop();
});

async function reference(purpose: Purpose = 'voice', project = 'p'): Promise<string> {
  const id = newId('ref');
  await acceptReference(records.store, {
    ...{ id, project, purpose, filename: 'a.wav', key: `${id}/t.wav`, bytes: 5, durationMs: 11_000 },
    ...{ sha256: 'x', idempotency: null },
  });
  return id;
}

async function settle(id: string, good: boolean, run = 1): Promise<void> {
  const token = newToken();
  const limits = { worker: 'w1', leaseMs: LEASE_MS, longestCallMs: 1000, maxAttempts: 3 };
  await claimUpload(records.store, { id, run, token, ...limits });
  const ids = { voiceId: `voice of ${id}`, instrumentalId: `instrumental of ${id}` };
  await settleUpload(records.store, {
    ...{ id, token, firstProbeMs: 1, maxAttempts: 3 },
    end: good ? { kind: 'uploaded', ...ids } : { kind: 'invalid_request', message: 'no', upstream: null, delayMs: 0 },
  });
}

const AHEAD = '2100-01-01T00:00:00.000Z';
const naming = (voice: string, more = {}) => ({
  request: requestOf({ refer_voice: '', voice_reference: voice, metadata: { a: 'b"/\u00e9' }, ...more }),
});

/** Runs a step and notes by which arrow it took the generation from the last status before it to the one now. */
async function took<T>(script: string, id: string, step: () => Promise<T>): Promise<T> {
  const stream = records.store.keys.events;
  const [last] = await records.store.redis.xrevrange(stream, '+', '-', 'COUNT', 1);
  const answer = await step();
  const events = await records.store.redis.xrange(stream, last ? `(${last[0]}` : '-', '+');
  const statuses = events
    .filter(([, fields]) => fields.includes(id))
    .map(([, fields]) => fields[fields.indexOf('status') + 1]!);
  if (statuses.length === 1) taken.add(`queued -> ${statuses[0]} (${script})`);
  for (let i = 1; i < statuses.length; i++) taken.add(`${statuses[i - 1]} -> ${statuses[i]} (${script})`);
  return answer;
}

const isAside = async (id: string) =>
  (await records.store.redis.zscore(`${records.store.keys.root}aside`, id)) !== null;

describe('a generation that names a reference', () => {
  it('stands aside until every one has settled, then comes into line once with the ids', async () => {
    const [voice, instrumental] = [await reference(), await reference('instrumental')];
    const id = await records.accepted(naming(voice, { instrumental_reference: instrumental }));
    expect(await isAside(id)).toBe(true);
    await settle(voice, true);
    expect(await resolveWaiters(records.store, voice, 100)).toEqual({ left: 0, pointers: [] });
    await settle(instrumental, true);
    expect(await resolveWaiters(records.store, instrumental, 100)).toEqual({
      left: 0,
      pointers: [{ id, run: 1, priority: 'normal' }],
    });
    expect(await resolveWaiters(records.store, instrumental, 100)).toEqual({ left: 0, pointers: [] });
    expect(await isAside(id)).toBe(false);
    expect(await records.claim(id)).toMatchObject({
      outcome: 'claimed',
      request: {
        ...naming(voice).request,
        refer_voice: `voice of ${voice}`,
        refer_instrumental: `instrumental of ${instrumental}`,
      },
    });
  });

  it('is told in pages, and what a crash left untold is remembered', async () => {
    const voice = await reference();
    for (let n = 0; n < 5; n++) await records.accepted(naming(voice));
    expect(await eraseReference(records.store, voice)).toBe('waited_for');
    await settle(voice, true);
    const { settledReferences } = records.store.keys;
    expect(await records.store.redis.smembers(settledReferences)).toContain(voice);
    expect((await resolveWaiters(records.store, voice, 3)).left).toBe(2);
    expect(await records.store.redis.smembers(settledReferences)).toContain(voice);
    expect((await resolveWaiters(records.store, voice, 3)).left).toBe(0);
    expect(await records.store.redis.smembers(settledReferences)).not.toContain(voice);
    expect(await eraseReference(records.store, voice)).toBe('erased');
  });

  it('goes on waiting for a reference that is uploaded again, and leaves it when it is canceled', async () => {
    const voice = await reference();
    await settle(voice, false);
    await reopenReference(records.store, { id: voice, idempotency: null });
    const id = await records.accepted(naming(voice));
    expect(await resolveWaiters(records.store, voice, 100)).toEqual({ left: 0, pointers: [] });
    expect((await records.read(id)).status).toBe('queued');
    await records.cancel(id);
    expect(await isAside(id)).toBe(false);
    expect(await eraseReference(records.store, voice)).toBe('erased');
  });

  it('is refused for what is another project’s or gives no such id, each fault told', async () => {
    const [foreign, instrumental] = [await reference('voice', 'q'), await reference('instrumental')];
    const obtained = await reference('song', 'q');
    await settle(obtained, true);
    const refer_instrumental = `instrumental of ${obtained}`;
    expect(await records.accept(naming(foreign, { refer_instrumental }))).toMatchObject({
      outcome: 'refused',
      faults: [
        { pointer: '/voice_reference', code: 'unknown_reference' },
        { pointer: '/refer_instrumental', code: 'foreign_id' },
      ],
    });
    expect(await records.accept(naming(instrumental))).toMatchObject({ faults: [{ code: 'wrong_purpose' }] });
    expect(await records.accept({ ...naming(foreign), project: 'q' })).toMatchObject({ outcome: 'accepted' });
  });

  it('fault: fails with the reference, wherever it stands by then', async () => {
    const bad = await reference();
    const [waiting, scheduled] = [
      await records.accepted(naming(bad)),
      await records.accepted(naming(bad, { run_at: AHEAD })),
    ];
    await settle(bad, false);
    await took('resolve-waiters', waiting, () => resolveWaiters(records.store, bad, 1));
    await resolveWaiters(records.store, bad, 100);
    expect((await records.read(scheduled)).history.map(({ status }) => status)).toEqual(['scheduled', 'failed']);
    taken.add('scheduled -> failed (resolve-waiters)');
    for (const run_at of [null, AHEAD]) {
      const id = newId('gen');
      await took('accept', id, () => records.accepted({ ...naming(bad, { run_at }), id }));
    }
    await took('reopen', waiting, () => records.reopen(waiting));
    const { redis, keys } = records.store;
    const lost = await reference();
    const late = await records.accepted(naming(lost, { run_at: AHEAD }));
    await redis.del(keys.reference(lost));
    await redis.zadd(keys.scheduled, 1, late);
    await took('due', late, () => takeDue(records.store, { worker: 'w1', leaseMs: 1000, most: 9 }));
    for (const id of [waiting, scheduled, late]) {
      expect(await records.read(id)).toMatchObject({
        status: 'failed',
        attemptsTotal: 0,
        error: { code: 'reference_failed', retryable: true },
      });
      expect(await isAside(id)).toBe(false);
    }
  });

  it('fails with its reference as an item of a batch, too, and the batch counts it', async () => {
    const bad = await reference();
    await settle(bad, false);
    const batch = newId('bat');
    await acceptBatch(records.store, {
      ...{ id: batch, project: 'p', valid: 2, bytes: 200, skipped: 0, idempotency: null, maxWaiting: 1000 },
      ...{ options: { name: null, metadata: {}, webhook: null }, models: { 'music-01': 2 }, prices: {} },
    });
    for (const [index, run_at] of [null, AHEAD].entries()) {
      const id = itemId(batch, index);
      const items = [{ id, index, policy: 'retry' as const, request: naming(bad, { run_at }).request }];
      const at = { id: batch, from: index * 100, to: (index + 1) * 100 };
      await took('ingest', id, () => ingestItems(records.store, { ...at, items }));
      expect(await records.read(id)).toMatchObject({ status: 'failed', error: { code: 'reference_failed' } });
    }
    const failed = { status: 'failed', counts: { total: 2, failed: 2, queued: 0 } };
    expect(await readBatchRecord(records.store, batch)).toMatchObject(failed);
  });

  it('took every arrow that references bring', () => {
    const words = arrowsOfDocs()
      .filter(isByReference)
      .map(({ from, to, script }) => `${from} -> ${to} (${script})`);
    expect([...taken]).toEqual(expect.arrayContaining(words));
    expect(words).toHaveLength(8);
  });
});
