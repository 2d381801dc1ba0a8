import type { BatchOptions } from '../../contract/batch.ts';
import type { Price } from '../../contract/models.ts';
import type { Pointer } from '../queues.ts';
import type { Idempotency } from './accept.ts';
import { type BatchRecord, parseBatch } from './batch-record.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const acceptScript = loadScript('accept-batch');

/** Valid items of a batch in storage, one JSON line each ({@link SpooledItem}), in input order. */
export function itemsKey(batchId: string): string {
  return `${batchId}/items.ndjson`;
}

/** The lines that were refused with `on_invalid=skip`, one JSON line each ({@link SkippedLine}). */
export function skippedKey(batchId: string): string {
  return `${batchId}/skipped.ndjson`;
}

/** One line of `skipped.ndjson`. */
export interface SkippedLine {
  readonly index: number;
  readonly line: number;
  /** As it was given; null when it is no object. */
  readonly item: Readonly<Record<string, unknown>> | null;
  /** The text of the line, as far as it could be held. */
  readonly raw: string | null;
  readonly code: string;
  readonly message: string;
}

/** What storage holds of a batch, judged and counted. */
export interface NewBatch {
  readonly id: string;
  readonly project: string;
  /** Items in storage, their bytes, and how many were refused besides. */
  readonly valid: number;
  readonly bytes: number;
  readonly skipped: number;
  readonly options: Pick<BatchOptions, 'name' | 'metadata' | 'webhook'>;
  /** Items by model, and what a call for each costs. */
  readonly models: Readonly<Record<string, number>>;
  readonly prices: Readonly<Record<string, Price>>;
  readonly idempotency: Idempotency | null;
  readonly maxWaiting: number;
}

export type AcceptBatchAnswer =
  | { readonly outcome: 'accepted'; readonly pointer: Pointer }
  | { readonly outcome: 'replayed'; readonly id: string }
  | { readonly outcome: 'key_reused' | 'queue_full' };

/** The pointer of one batch whose items are to be recorded. */
export function ingestPointer(id: string): Pointer {
  return { id, run: 1, priority: 'normal' };
}

/** Records a batch; the same id twice is once. Add the pointer after answering: repairs add it otherwise. */
export async function acceptBatch(store: RecordStore, batch: NewBatch): Promise<AcceptBatchAnswer> {
  const { id, options, idempotency } = batch;
  const [outcome, detail = ''] = words(
    await acceptScript.run(store, [
      ...[idempotency?.key ?? '', idempotency?.fingerprint ?? '', batch.maxWaiting, batch.project, id, batch.valid],
      ...[batch.skipped, batch.bytes, options.name ?? '', JSON.stringify(options.metadata)],
      ...[options.webhook === null ? '' : JSON.stringify(options.webhook), JSON.stringify(batch.prices)],
      JSON.stringify(batch.models),
    ]),
  );
  switch (outcome) {
    case 'accepted':
      return { outcome, pointer: ingestPointer(id) };
    case 'replayed':
      return { outcome, id: detail };
    case 'key_reused':
    case 'queue_full':
      return { outcome };
    default:
      throw new TypeError(`accept-batch answered ${outcome}`);
  }
}

/** The batch with this id, or null. */
export async function readBatchRecord({ redis, keys }: RecordStore, id: string): Promise<BatchRecord | null> {
  return parseBatch(id, await redis.hgetall(keys.batch(id)));
}

/** Newest first, a page at a time. @param project null = over all projects */
export async function listBatches(
  { redis, keys }: RecordStore,
  { project, limit, after }: { project: string | null; limit: number; after: number | null },
): Promise<{ readonly batches: BatchRecord[]; readonly next: number | null }> {
  const projects = project === null ? await redis.smembers(keys.projects) : [project];
  const pages = await Promise.all(
    projects.map((each) =>
      redis.zrevrangebyscore(
        keys.batches(each),
        after === null ? '+inf' : `(${after}`,
        '-inf',
        'WITHSCORES',
        'LIMIT',
        0,
        limit + 1,
      ),
    ),
  );
  const entries = pages
    .flatMap((flat) => flat.flatMap((id, at) => (at % 2 === 0 ? [{ id, ordinal: Number(flat[at + 1]) }] : [])))
    .sort((a, b) => b.ordinal - a.ordinal);
  const page = entries.slice(0, limit);
  const found = await Promise.all(page.map(({ id }) => redis.hgetall(keys.batch(id))));
  const batches = found.flatMap((hash, at) => parseBatch(page[at]!.id, hash) ?? []);
  return { batches, next: entries.length > limit ? page.at(-1)!.ordinal : null };
}

/** The items of a batch go to storage now. Should it never be accepted, what is there is swept a day later. */
export async function noteSpool({ redis, keys }: RecordStore, id: string): Promise<void> {
  await redis.zadd(keys.spools, Date.now(), id);
}

/** Gives files of batches that were never accepted to the sweep of storage. @param ageMs since they were begun */
export async function sweepSpools({ redis, keys }: RecordStore, ageMs: number, most: number): Promise<void> {
  for (const id of await redis.zrangebyscore(keys.spools, '-inf', Date.now() - ageMs, 'LIMIT', 0, most)) {
    const kept = (await redis.exists(keys.batch(id))) === 1;
    await (kept ? redis.multi() : redis.multi().sadd(keys.sweep, id)).zrem(keys.spools, id).exec();
  }
}
