import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '@songmill/shared/runtime/config';
import { itemId, newId } from '@songmill/shared/runtime/ids';
import { openQueue } from '@songmill/shared/runtime/queues';
import {
  acceptBatch,
  itemsKey,
  noteSpool,
  readBatchRecord,
  sweepSpools,
} from '@songmill/shared/runtime/records/batches';
import { idsToSweep } from '@songmill/shared/runtime/records/erase';
import type { SpooledItem } from '@songmill/shared/runtime/records/ingest';
import { openStorage, type Storage } from '@songmill/shared/runtime/storage/storage';
import { StorageError } from '@songmill/shared/runtime/storage/storage-error';
import { openTestRecords, requestOf, type TestRecords } from '@songmill/shared/testing/records';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type IngestNeeds, runIngest } from './run-ingest.ts';

let server: TestRedis;
let records: TestRecords;
let storage: Storage;
let folder: string;
let context: IngestNeeds;
let queue: IngestNeeds['queue'];
let opened = 0;

beforeAll(async () => {
  server = await startRedis();
});
beforeEach(async () => {
  opened += 1;
  records = openTestRecords(server.url, `i${opened}`);
  folder = await mkdtemp(join(tmpdir(), 'sgm-ingest-'));
  storage = await openStorage(`file:${join(folder, 'songs')}`);
  queue = openQueue('generate', records.store.redis, `i${opened}`);
  const settings = parseConfig({ REDIS_URL: server.url, RETRY_BASE_MS: '77' });
  context = {
    ...{ records: records.store, storage, queue, settings, logger: pino({ level: 'silent' }) },
    ...{ wakeFeeder: () => undefined, crashPoint: () => undefined },
  };
});
afterEach(async () => {
  await queue.close();
  await storage.stop();
  records.close();
  await rm(folder, { recursive: true, force: true });
});
afterAll(() => server.stop());

/** A batch whose items are in storage. */
async function accepted(count: number, change: (text: string) => string = (text) => text): Promise<string> {
  const id = newId('bat');
  const item = (index: number): SpooledItem => ({
    ...{ index, line: index + 1 },
    request: requestOf({ lyrics: `song ${index} äöü 🎵`, priority: 'bulk', custom_id: `c${index}` }),
  });
  const text = Array.from({ length: count }, (_, index) => `${JSON.stringify(item(index))}\n`).join('');
  const path = join(folder, id);
  await writeFile(path, change(text));
  await storage.store(itemsKey(id), path, { withName: true });
  await acceptBatch(records.store, {
    ...{
      id,
      project: 'p',
      valid: count,
      bytes: Buffer.byteLength(text),
      skipped: 0,
      idempotency: null,
      maxWaiting: 1e6,
    },
    ...{ options: { name: null, metadata: {}, webhook: null }, models: { 'music-01': count }, prices: {} },
  });
  return id;
}

const never = new AbortController().signal;
const lyricsOf = async (id: string, index: number) => (await records.read(itemId(id, index))).request.lyrics;

describe('recording the items of a batch', () => {
  it('reaches every item, byte for byte, and gives BullMQ those that its window has room for', async () => {
    const id = await accepted(137);
    expect(await runIngest(context, id, never)).toBeNull();
    expect(await readBatchRecord(records.store, id)).toMatchObject({ status: 'processing', ingested: 137 });
    for (const index of [0, 49, 50, 136]) expect(await lyricsOf(id, index)).toBe(`song ${index} äöü 🎵`);
    expect(await records.store.redis.zcard(records.store.keys.bull('prioritized'))).toBe(20);
    expect(await runIngest(context, id, never)).toBeNull();
    expect(await records.store.redis.zcard(records.store.keys.list('p'))).toBe(137);
  });

  it('goes on from the cursor when it was broken off, whoever does', async () => {
    const id = await accepted(137);
    const breakOff = new Error('broken off');
    let chunks = 0;
    const crashPoint = () => {
      if (++chunks === 2) throw breakOff;
    };
    await expect(runIngest({ ...context, crashPoint }, id, never)).rejects.toBe(breakOff);
    expect((await readBatchRecord(records.store, id))!.ingested).toBe(100);
    await Promise.all([runIngest(context, id, never), runIngest(context, id, never)]);
    await runIngest(context, id, never);
    expect(await readBatchRecord(records.store, id)).toMatchObject({ status: 'processing', ingested: 137 });
    expect(await records.store.redis.zcard(records.store.keys.list('p'))).toBe(137);
  });

  it('stops between two chunks when the process stops, and asks to be picked up again', async () => {
    const id = await accepted(137);
    const stopping = new AbortController();
    const crashPoint = () => stopping.abort();
    expect(await runIngest({ ...context, crashPoint }, id, stopping.signal)).toBe(1);
    expect((await readBatchRecord(records.store, id))!.ingested).toBe(50);
    expect(await runIngest(context, id, never)).toBeNull();
  });

  it('fault: storage that is away is asked again later, and nothing is lost', async () => {
    const id = await accepted(3);
    const open = () => Promise.reject(new StorageError('unavailable', 'away'));
    expect(await runIngest({ ...context, storage: { ...storage, open } }, id, never)).toBe(77);
    expect(await runIngest(context, id, never)).toBeNull();
    expect((await readBatchRecord(records.store, id))!.counts).toMatchObject({ queued: 3, failed: 0 });
  });

  it.each([
    ['is gone', null],
    ['is shorter than it was', (text: string) => text.slice(0, -5)],
    ['is not what was stored', (text: string) => text.replaceAll('{', 'x')],
  ] as const)('fault: a file that %s ends the batch with the reason', async (_title, change) => {
    const id = await accepted(3, change ?? undefined);
    if (change === null) await storage.remove(id);
    expect(await runIngest(context, id, never)).toBeNull();
    expect(await readBatchRecord(records.store, id)).toMatchObject({
      ...{ status: 'failed', error: { code: 'storage_failed' } },
      counts: { total: 3, queued: 0, failed: 3 },
    });
  });

  it('a batch that is gone needs nothing more', async () => {
    expect(await runIngest(context, newId('bat'), never)).toBeNull();
  });
});

describe('files of batches that were never accepted', () => {
  it('go to the sweep after their time, and those of accepted ones stay', async () => {
    const [kept, left] = [await accepted(1), newId('bat')];
    for (const id of [kept, left]) await noteSpool(records.store, id);
    await sweepSpools(records.store, 60_000, 10);
    expect(await idsToSweep(records.store, 10)).toEqual([]);
    await sweepSpools(records.store, -60_000, 10);
    expect(await idsToSweep(records.store, 10)).toEqual([left]);
    expect(await records.store.redis.zcard(records.store.keys.spools)).toBe(0);
  });
});
