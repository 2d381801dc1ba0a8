import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestRecords, requestOf, type TestRecords } from '../../testing/records.ts';
import { startRedis, type TestRedis } from '../../testing/redis.ts';
import { itemId, newId } from '../ids.ts';
import { acceptBatch, readBatchRecord } from './batches.ts';
import {
  abortBulkAction,
  type BulkStart,
  listBulkActions,
  openBulkActions,
  readBulkAction,
  startBulkAction,
  stepBulkAction,
} from './bulk-actions.ts';
import { isStillMeant, targetPage } from './bulk-targets.ts';
import { ingestItems } from './ingest.ts';

let server: TestRedis;
let records: TestRecords;
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(() => {
  opened += 1;
  records = openTestRecords(server.url, `bulk${opened}`);
});
afterEach(() => records.close());
afterAll(() => server.stop());

const ID = 'blk_0190000000007000800000000000abcd';
const BATCH = 'bat_0190000000007000800000000000abcd';

function start(input: Partial<BulkStart> = {}) {
  return startBulkAction(records.store, {
    ...{ id: ID, idempotency: null, project: 'p', action: 'retry', filter: { status: ['failed'] }, params: {} },
    ...{ matched: 1, createdBy: 'key_1', batch: null },
    ...input,
  });
}
const step = (from: string, to: string | null, done = 1) =>
  stepBulkAction(records.store, { id: ID, from, to, done, failed: 0 });
const read = () => readBulkAction(records.store, ID);

async function submit(count: number): Promise<void> {
  await acceptBatch(records.store, {
    ...{ id: BATCH, project: 'p', valid: count, bytes: count, skipped: 0, idempotency: null, maxWaiting: 1000 },
    ...{ options: { name: null, metadata: {}, webhook: null }, models: {}, prices: {} },
  });
}
async function ingest(count: number): Promise<void> {
  const items = Array.from({ length: count }, (_, index) => ({
    ...{ id: itemId(BATCH, index), index, policy: 'retry' as const, request: requestOf({ priority: 'bulk' }) },
  }));
  await ingestItems(records.store, { id: BATCH, from: 0, to: count, items });
}
const onBatch = (action: 'cancel' | 'retry', statuses: readonly ('queued' | 'failed' | 'canceled')[]) =>
  ({ action, filter: { status: statuses }, batch: { id: BATCH, statuses } }) satisfies Partial<BulkStart>;
const statusOf = async () => (await readBatchRecord(records.store, BATCH))?.status;

describe('a bulk action', () => {
  it('goes on from its cursor; a page that was done is not counted again', async () => {
    await start();
    expect(await step('', '5')).toBe(true);
    expect(await step('', '5')).toBe(false);
    expect(await read()).toMatchObject({ status: 'running', cursor: '5', done: 1 });
    expect(await step('5', null, 2)).toBe(true);
    expect(await step('5', null, 2)).toBe(false);
    expect(await read()).toMatchObject({ status: 'completed', done: 3, finishedMs: expect.any(Number) });
    expect(await openBulkActions(records.store)).toEqual([]);
  });

  it('is made once for one Idempotency-Key', async () => {
    const idempotency = { key: 'k', fingerprint: 'f' };
    await start({ idempotency });
    expect(await start({ id: newId('blk'), idempotency })).toEqual({ outcome: 'replayed', id: ID });
    const other = await start({ id: newId('blk'), idempotency: { key: 'k', fingerprint: 'g' } });
    expect(other).toEqual({ outcome: 'key_reused' });
    expect((await listBulkActions(records.store, { limit: 9, after: null })).actions).toHaveLength(1);
  });

  it('that was stopped does nothing further, and what had ended cannot be stopped', async () => {
    await start();
    expect(await abortBulkAction(records.store, ID)).toBe('canceled');
    expect(await abortBulkAction(records.store, ID)).toBe('canceled');
    expect(await step('', null)).toBe(false);
    expect(await abortBulkAction(records.store, newId('blk'))).toBe('missing');
    const done = newId('blk');
    await start({ id: done });
    await stepBulkAction(records.store, { id: done, from: '', to: null, done: 0, failed: 0 });
    expect(await abortBulkAction(records.store, done)).toBe('ended');
  });

  it('is not about what failed after it was asked for, or ran again since', async () => {
    const id = await records.accepted();
    const token = await records.claimed(id);
    await records.release(id, token, 'content_rejected');
    const failed = await records.read(id);
    expect(isStillMeant(failed, 'retry', failed.finishedMs!)).toBe(true);
    expect(isStillMeant(failed, 'retry', failed.finishedMs! - 1)).toBe(false);
    await records.reopen(id);
    const again = await records.read(id);
    expect(isStillMeant(again, 'retry', again.createdMs + 1e6)).toBe(false);
    expect(isStillMeant(again, 'cancel', again.createdMs - 1)).toBe(false);
    expect(isStillMeant(again, 'cancel', again.createdMs + 1e6)).toBe(true);
  });

  it('finds what its filter names, newest first, and nothing that came later', async () => {
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push(await records.accepted({ request: requestOf({ custom_id: `c${n % 2}` }) }));
    await start({ action: 'cancel', filter: { custom_id: 'c0' } });
    await records.accepted({ request: requestOf({ custom_id: 'c0' }) });
    const page = await targetPage(records.store, (await read())!, '');
    expect(page.generations.map(({ id }) => id)).toEqual([ids[2], ids[0]]);
    expect(page.next).toBeNull();
  });
});

describe('a redelivery in bulk', () => {
  it('finds the deliveries of its filter; without a status those that were lost', async () => {
    const webhook = { url: 'https://example.com/x', events: ['generation.canceled' as const] };
    const [id, other] = [
      await records.accepted({ request: requestOf({ webhook }) }),
      await records.accepted({ request: requestOf({ webhook }) }),
    ];
    for (const each of [id, other]) await records.cancel(each);
    const find = async (filter: object) => {
      const wanted = { action: 'redeliver', filter, batch_id: null, ordinal: Number.MAX_SAFE_INTEGER } as const;
      return (await targetPage(records.store, wanted, '')).deliveries;
    };
    const found = await find({ generation_id: id, status: ['pending'] });
    expect(found).toHaveLength(1);
    expect(await find({ status: ['pending'] })).toHaveLength(2);
    expect(await find({ generation_id: id })).toEqual([]);
  });
});

describe('an action on a batch', () => {
  it('that cancels it: no further call of it starts, before a single item was canceled', async () => {
    await submit(3);
    await ingest(3);
    expect(await start(onBatch('cancel', ['queued']))).toEqual({ outcome: 'started' });
    const id = itemId(BATCH, 1);
    const token = 'one';
    expect(await records.claim(id, { token })).toEqual({ outcome: 'settled', status: 'canceled' });
    expect(await records.claim(id, { token })).toEqual({ outcome: 'settled', status: 'canceled' });
    expect((await records.read(id)).attempts).toEqual([]);
    // It would be canceled again, so it does not run again meanwhile.
    expect(await records.reopen(id)).toMatchObject({ outcome: 'conflict' });
  });

  it('waits until the batch has come in', async () => {
    await submit(2);
    await start(onBatch('cancel', ['queued']));
    expect(await targetPage(records.store, (await read())!, '')).toMatchObject({ generations: [], next: '' });
    await ingest(2);
    expect((await records.read(itemId(BATCH, 0))).status).toBe('canceled');
    expect(await targetPage(records.store, (await read())!, '')).toMatchObject({ generations: [], next: null });
    expect(await statusOf()).toBe('processing');
    await step('', null);
    expect(await statusOf()).toBe('canceled');
  });

  it('that cancels it is one action, however often it is asked for; nothing else begins meanwhile', async () => {
    await submit(2);
    await ingest(2);
    await start(onBatch('cancel', ['queued']));
    expect(await start({ id: newId('blk'), ...onBatch('cancel', ['queued']) })).toEqual({
      outcome: 'replayed',
      id: ID,
    });
    expect(await start({ id: newId('blk'), ...onBatch('retry', ['failed']) })).toEqual({ outcome: 'busy' });
  });

  it('opens it at once when items run again, and ends it when the last page is done', async () => {
    await submit(1);
    await ingest(1);
    await records.cancel(itemId(BATCH, 0));
    expect(await statusOf()).toBe('failed');
    expect(await start({ id: newId('blk'), ...onBatch('retry', ['failed']) })).toEqual({ outcome: 'nothing' });
    expect(await statusOf()).toBe('failed');
    await start(onBatch('retry', ['canceled']));
    expect(await statusOf()).toBe('processing');
    await records.reopen(itemId(BATCH, 0));
    await records.cancel(itemId(BATCH, 0));
    expect(await statusOf()).toBe('processing');
    await step('', null);
    expect(await statusOf()).toBe('failed');
  });
});
