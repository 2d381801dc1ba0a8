import { recordsOf } from '@songmill/shared/contract/batch-records';
import { itemId } from '@songmill/shared/runtime/ids';
import { addPointers } from '@songmill/shared/runtime/queues';
import type { BatchRecord } from '@songmill/shared/runtime/records/batch-record';
import { itemsKey, readBatchRecord } from '@songmill/shared/runtime/records/batches';
import { failIngest, type IngestAnswer, ingestItems, type SpooledItem } from '@songmill/shared/runtime/records/ingest';
import { StorageError } from '@songmill/shared/runtime/storage/storage-error';
import type { WorkerContext } from '../queue/context.ts';

/** One script records at most this many, so that it never holds Redis up. */
const MOST_ITEMS = 50;
/** Of the items of one script together. */
const MOST_BYTES = 262_144;
/** More than any item is allowed to have by any setting that makes sense. */
const MOST_LINE_BYTES = 67_108_864;

export type IngestNeeds = Pick<
  WorkerContext,
  'records' | 'storage' | 'queue' | 'logger' | 'settings' | 'wakeFeeder' | 'crashPoint'
>;

/** Some lines of `items.ndjson`, and how far they reach. */
interface Chunk {
  readonly items: readonly SpooledItem[];
  readonly bytes: number;
}

/**
 * Records the items of one batch, chunk by chunk from where its cursor stands, until all are recorded or
 * `signal` says that the process stops. Another worker may be at the same batch: the cursor decides.
 *
 * @returns after how many milliseconds it is to be picked up again; null when it needs no pointer more
 */
export async function runIngest(context: IngestNeeds, id: string, signal: AbortSignal): Promise<number | null> {
  const { records, storage, logger, settings } = context;
  const batch = await readBatchRecord(records, id);
  if (batch === null || batch.ingested >= batch.valid) return null;
  try {
    const { bytes, offset } = batch;
    const spool = await storage.open(itemsKey(id), { start: offset, end: bytes - 1 });
    if (spool === null || spool.bytes !== bytes - offset) {
      spool?.stream.destroy();
      throw new StorageError('damaged', 'the items of this batch are not in storage any more');
    }
    const recorded = await recordAll(context, batch, chunksOf(spool.stream), signal);
    logger.info({ batch_id: id, recorded }, 'items recorded');
    return signal.aborted ? 1 : null;
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (error.code !== 'damaged') {
      logger.warn({ err: error, batch_id: id }, 'items cannot be read now');
      return settings.RETRY_BASE_MS;
    }
    logger.error({ err: error, batch_id: id }, 'items are lost');
    await failIngest(records, id, { code: 'storage_failed', message: 'its items are not in storage any more' });
    return null;
  }
}

/** Answers how many it recorded. */
async function recordAll(
  { records, queue, settings, wakeFeeder, crashPoint }: IngestNeeds,
  batch: BatchRecord,
  chunks: AsyncIterable<Chunk>,
  signal: AbortSignal,
): Promise<number> {
  let offset = batch.offset;
  let recorded = 0;
  for await (const { items, bytes } of chunks) {
    if (signal.aborted) return recorded;
    const answer: IngestAnswer = await ingestItems(records, {
      ...{ id: batch.id, from: offset, to: offset + bytes },
      items: items.map(({ index, request }) => ({
        ...{ id: itemId(batch.id, index), index, request },
        policy: request.on_unknown_charge ?? settings.ON_UNKNOWN_CHARGE,
      })),
    });
    // Somebody else is at it, or has ended it; should he die, repairs add the pointer again.
    if (answer.outcome !== 'ingested') return recorded;
    await crashPoint('ingested', batch.id);
    await addPointers(queue, answer.pointers);
    wakeFeeder();
    offset += bytes;
    recorded += items.length;
  }
  return recorded;
}

async function* chunksOf(spool: AsyncIterable<Uint8Array>): AsyncGenerator<Chunk> {
  let items: SpooledItem[] = [];
  let bytes = 0;
  for await (const page of recordsOf(spool, { mostBytes: MOST_LINE_BYTES, delimiters: null })) {
    for (const { bytes: line } of page) {
      if (line === null) throw new StorageError('damaged', 'a line of this batch is not what was stored');
      items.push(itemOf(line));
      bytes += line.length + 1;
      if (items.length < MOST_ITEMS && bytes < MOST_BYTES) continue;
      yield { items, bytes };
      items = [];
      bytes = 0;
    }
  }
  if (items.length > 0) yield { items, bytes };
}

function itemOf(line: Uint8Array): SpooledItem {
  try {
    return JSON.parse(new TextDecoder().decode(line)) as SpooledItem;
  } catch (error) {
    throw new StorageError('damaged', 'a line of this batch is not what was stored', error);
  }
}
