import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { itemId } from '../ids.ts';
import { acceptBatch, type NewBatch, readBatchRecord } from './batches.ts';
import { eraseGeneration, idsToSweep } from './erase.ts';
import { failIngest, ingestItems } from './ingest.ts';
import { readGeneration } from './read.ts';
import { retainPage } from './retain.ts';

let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(() => {
  opened += 1;
  records = openTestRecords(server.url, `b${opened}`);
});
afterEach(() => records.close());
afterAll(() => server.stop());

const ID = 'bat_0190000000007000800000000000abcd';
const PRICE = { amount: '0.05', currency: 'PTC' };

function accept(more: Partial<NewBatch> = {}) {
  return acceptBatch(records.store, {
    ...{ id: ID, project: 'p', valid: 3, bytes: 300, skipped: 0, idempotency: null, maxWaiting: 1000 },
    ...{
      options: { name: null, metadata: {}, webhook: null },
      models: { 'music-01': 3 },
      prices: { 'music-01': PRICE },
    },
    ...more,
  });
}

const itemAt = (index: number) => ({
  ...{ id: itemId(ID, index), index, policy: 'retry' as const },
  request: requestOf({ priority: 'bulk', custom_id: `c${index}` }),
});

/** Items `first` to `last`, 100 bytes each. */
function ingest(first = 0, last = 2) {
  const items = Array.from({ length: last - first + 1 }, (_, at) => itemAt(first + at));
  return ingestItems(records.store, { id: ID, from: first * 100, to: (last + 1) * 100, items });
}

async function batch() {
  const found = await readBatchRecord(records.store, ID);
  if (found === null) throw new Error('no batch');
  const { total, ...others } = found.counts;
  expect(
    Object.values(others).reduce((sum, count) => sum + count, 0),
    'counts sum to total',
  ).toBe(total);
  return found;
}

const counts = async () => {
  const { status, counts: all } = await batch();
  return [status, ...Object.entries(all).flatMap(([name, count]) => (count > 0 ? [`${name} ${count}`] : []))].join(
    ', ',
  );
};
const waiting = async () => Number(await records.store.redis.get(records.store.keys.waiting));
const succeed = async (index: number) => {
  const id = itemId(ID, index);
  await records.publish(id, await records.claimed(id));
};
const fail = async (index: number) => {
  const id = itemId(ID, index);
  await records.release(id, await records.claimed(id), 'content_rejected');
};
const events = async () =>
  (await records.store.redis.xrange(records.store.keys.events, '-', '+'))
    .map(([, fields]) => fields[1]!)
    .filter((type) => type.startsWith('batch.'));

describe('a batch', () => {
  it('is whole from the first moment: what is not recorded yet counts as queued, and waits', async () => {
    expect(await accept({ skipped: 2 })).toMatchObject({ outcome: 'accepted', pointer: { id: ID, run: 1 } });
    expect(await counts()).toBe('ingesting, total 5, queued 3, skipped 2');
    expect(await waiting()).toBe(3);
    await ingest(0, 1);
    expect(await counts()).toBe('ingesting, total 5, queued 3, skipped 2');
    expect(await waiting()).toBe(3);
    await ingest(2, 2);
    expect(await counts()).toBe('processing, total 5, queued 3, skipped 2');
    expect(await waiting()).toBe(3);
    await records.store.redis.del(records.store.keys.waiting);
    await accept({ id: 'bat_2' });
    expect(await waiting()).toBe(6);
  });

  it('is refused when more would wait than may', async () => {
    expect(await accept({ maxWaiting: 2 })).toEqual({ outcome: 'queue_full' });
    expect(await accept({ maxWaiting: 3 })).toMatchObject({ outcome: 'accepted' });
    expect(await records.accept({ maxWaiting: 3 })).toMatchObject({ outcome: 'queue_full' });
  });

  it('is made once for an idempotency key', async () => {
    const idempotency = { key: 'k', fingerprint: 'f' };
    await accept({ idempotency });
    expect(await accept({ id: 'bat_2', idempotency })).toEqual({ outcome: 'replayed', id: ID });
    expect(await accept({ id: 'bat_2', idempotency: { key: 'k', fingerprint: 'g' } })).toEqual({
      outcome: 'key_reused',
    });
  });

  it('gives each item once, whoever records it and however often', async () => {
    await accept();
    const first = await ingest(0, 1);
    expect(first).toMatchObject({ outcome: 'ingested', pointers: [{ id: itemId(ID, 0) }, { id: itemId(ID, 1) }] });
    expect(await ingest(0, 1)).toEqual(first);
    expect(await ingest(0, 0)).toEqual({ outcome: 'moved', offset: 200 });
    await ingest(2, 2);
    expect(await ingest(0, 1)).toEqual({ outcome: 'moved', offset: 300 });
    expect(await records.read(itemId(ID, 2))).toMatchObject({ batchId: ID, batchIndex: 2, status: 'queued' });
    expect(await records.store.redis.zcard(records.store.keys.list('p'))).toBe(3);
  });
});

describe('the end of a batch', () => {
  it.each([
    ['completed', 0, [succeed, succeed, succeed]],
    ['completed_with_errors', 1, [succeed, succeed, succeed]],
    ['completed_with_errors', 0, [succeed, fail, succeed]],
    ['failed', 0, [fail, fail, fail]],
  ] as const)('is %s with %i skipped when its items ended so', async (status, skipped, ends) => {
    await accept({ skipped });
    await ingest();
    for (const [index, end] of ends.entries()) {
      expect((await batch()).status).toBe('processing');
      await end(index);
    }
    expect(await batch()).toMatchObject({ status, finishedMs: expect.any(Number) as number });
    expect(await events()).toEqual(['batch.completed']);
  });

  it('waits for the last item to be recorded', async () => {
    await accept();
    await ingest(0, 1);
    await succeed(0);
    await succeed(1);
    expect(await counts()).toBe('ingesting, total 3, queued 1, succeeded 2');
    await ingest(2, 2);
    await succeed(2);
    expect(await counts()).toBe('completed, total 3, succeeded 3');
  });

  it('is canceled when a cancel was asked for, and takes the items that were not recorded yet', async () => {
    const { redis, keys } = records.store;
    await accept();
    await ingest(0, 0);
    await redis.hset(keys.batch(ID), { canceling: 1, cancel_asked: 1 });
    expect(await ingest(1, 2)).toMatchObject({ outcome: 'ingested', pointers: [] });
    await records.cancel(itemId(ID, 0));
    expect(await counts()).toBe('canceled, total 3, canceled 3');
    expect(await events()).toEqual(['batch.canceled']);
    expect(await redis.zcard(keys.ready)).toBe(0);
    expect(await waiting()).toBe(0);
    expect(await records.read(itemId(ID, 2))).toMatchObject({ status: 'canceled', error: { code: 'canceled' } });
  });

  it('is taken back by a retry, and comes again with an event of its own', async () => {
    await accept();
    await ingest();
    for (const index of [0, 1]) await succeed(index);
    await fail(2);
    await records.reopen(itemId(ID, 2));
    expect(await counts()).toBe('processing, total 3, queued 1, succeeded 2');
    expect((await batch()).finishedMs).toBeNull();
    await records.publish(itemId(ID, 2), await records.claimed(itemId(ID, 2), { run: 2 }));
    expect(await counts()).toBe('completed, total 3, succeeded 3');
    expect(await events()).toEqual(['batch.completed', 'batch.completed']);
  });

  it('comes again when a person decides about an item', async () => {
    await accept();
    await ingest();
    for (const index of [0, 1]) await succeed(index);
    const last = itemId(ID, 2);
    await records.release(last, await records.claimed(last), 'timeout', { maxUnknownCharges: 1 });
    expect(await counts()).toBe('completed_with_errors, total 3, succeeded 2, needs_review 1');
    await records.reopen(last, { action: 'resolve_fail', charged: true });
    expect(await counts()).toBe('completed_with_errors, total 3, succeeded 2, failed 1');
    expect(await events()).toEqual(['batch.completed', 'batch.completed']);
    expect((await batch()).cost).toEqual({ currency: 'PTC', estimated: '0.15', charged: '0.15', unknown: '0.00' });
  });

  it('comes when storage has lost the rest of the items, and says why', async () => {
    await accept();
    await ingest(0, 0);
    await succeed(0);
    await failIngest(records.store, ID, { code: 'storage_failed', message: 'gone' });
    await failIngest(records.store, ID, { code: 'storage_failed', message: 'gone' });
    expect(await counts()).toBe('completed_with_errors, total 3, succeeded 1, failed 2');
    expect(await batch()).toMatchObject({ error: { code: 'storage_failed' } });
    expect(await waiting()).toBe(0);
    expect(await ingest(1, 2)).toMatchObject({ outcome: 'moved' });
  });
});

describe('what a batch costs', () => {
  it('follows every call, also those of items that were deleted meanwhile', async () => {
    await accept();
    await ingest();
    await succeed(0);
    const [second, third] = [itemId(ID, 1), itemId(ID, 2)];
    await records.release(second, await records.claimed(second), 'timeout');
    expect((await batch()).cost).toEqual({ currency: 'PTC', estimated: '0.15', charged: '0.05', unknown: '0.05' });
    const token = await records.claimed(third);
    await records.cancel(third);
    await eraseGeneration(records.store, third, 90);
    await records.publish(third, token);
    expect((await batch()).cost).toEqual({ currency: 'PTC', estimated: '0.15', charged: '0.10', unknown: '0.05' });
    expect(await counts()).toBe('processing, total 3, queued 1, succeeded 1, canceled 1');
  });
});

describe('how long items of a batch are kept', () => {
  const retain = (step: 'settled' | 'songs' | 'records' | 'batches', ageMs: number) =>
    retainPage(records.store, { step, ageMs, most: 100 });

  it('is reckoned from the end of the batch, and the batch goes with its file', async () => {
    await accept();
    await ingest();
    await succeed(0);
    await retain('settled', -1000);
    await retain('songs', -1000);
    expect(await idsToSweep(records.store, 10)).toEqual([]);
    expect(await readGeneration(records.store, itemId(ID, 0))).toMatchObject({ batchId: ID, keptFromMs: null });
    for (const index of [1, 2]) await succeed(index);
    const { finishedMs } = await batch();
    expect(await readGeneration(records.store, itemId(ID, 0))).toMatchObject({ keptFromMs: finishedMs });
    const { redis, keys } = records.store;
    for (const index of [0, 1, 2]) await redis.zadd(`${keys.root}keep:songs`, 1, itemId(ID, index));
    await retain('songs', 60_000);
    expect(await idsToSweep(records.store, 10)).toEqual([]);
    await retain('songs', -60_000);
    expect(await idsToSweep(records.store, 10)).toHaveLength(3);
    await retain('batches', -60_000);
    expect(await readBatchRecord(records.store, ID)).toBeNull();
    expect(await idsToSweep(records.store, 10)).toContain(ID);
  });
});
