import type { GenerationErrorCode, Status } from '../../contract/words.ts';
import { itemId } from '../ids.ts';
import { readBatchRecord } from './batches.ts';
import { readGenerations } from './read.ts';
import type { RecordStore } from './store.ts';
import type { GenerationRecord } from './types.ts';

/** At most this many records are looked at for one page; the cursor goes on from there. */
const MOST_LOOKED_AT = 1000;

export interface ListQuery {
  /** null = over all projects. */
  readonly project: string | null;
  readonly statuses: readonly Status[] | null;
  readonly customId: string | null;
  readonly errorCode: GenerationErrorCode | null;
  readonly model: string | null;
  readonly createdAfterMs: number | null;
  readonly createdBeforeMs: number | null;
  readonly limit: number;
  /** Ordinal of the last one seen. */
  readonly after: number | null;
}

export interface ListPage {
  readonly records: GenerationRecord[];
  /** Cursor of the next page; null when there is none. */
  readonly next: number | null;
}

/**
 * Newest first. Walks the narrowest index there is (project and status), merging several by
 * ordinal; what no index knows (custom_id, error_code, model) is filtered from what is walked.
 */
export async function listGenerations(store: RecordStore, query: ListQuery): Promise<ListPage> {
  const indexes = await indexesOf(store, query);
  const filtered = query.customId !== null || query.errorCode !== null || query.model !== null;
  const records: GenerationRecord[] = [];
  let before = query.after;
  let lookedAt = 0;
  while (lookedAt < MOST_LOOKED_AT) {
    const count = filtered ? 100 : query.limit - records.length + 1;
    const entries = await walk(store, indexes, query, before, count);
    const found = await readGenerations(
      store,
      entries.map((entry) => entry.id),
    );
    for (const [index, record] of found.entries()) {
      const entry = entries[index]!;
      if (record && matches(record, query)) {
        if (records.length === query.limit) return { records, next: before };
        records.push(record);
      }
      before = entry.ordinal;
      lookedAt++;
    }
    if (entries.length < count) return { records, next: null };
  }
  return { records, next: before };
}

/**
 * Items of one batch in input order. Their ids are made of the batch's id and their place, so there is no
 * index to walk; `after` is the place of the last one seen.
 */
export async function listBatchItems(store: RecordStore, batchId: string, query: ListQuery): Promise<ListPage> {
  const batch = await readBatchRecord(store, batchId);
  if (batch === null || (query.project !== null && batch.project !== query.project)) return { records: [], next: null };
  const { total } = batch.counts;
  const records: GenerationRecord[] = [];
  let from = query.after === null ? 0 : query.after + 1;
  const end = Math.min(total, from + MOST_LOOKED_AT);
  while (from < end) {
    const count = Math.min(100, end - from);
    const ids = Array.from({ length: count }, (_, at) => itemId(batchId, from + at));
    for (const record of await readGenerations(store, ids)) {
      if (record === null || !matches(record, query) || !isWithin(record, query)) continue;
      if (records.length === query.limit) return { records, next: records.at(-1)!.batchIndex };
      records.push(record);
    }
    from += count;
  }
  return { records, next: from < total ? from - 1 : null };
}

function isWithin({ createdMs }: GenerationRecord, { createdAfterMs, createdBeforeMs }: ListQuery): boolean {
  return (
    (createdAfterMs === null || createdMs > createdAfterMs) && (createdBeforeMs === null || createdMs < createdBeforeMs)
  );
}

async function indexesOf(store: RecordStore, query: ListQuery): Promise<string[]> {
  const projects = query.project === null ? await store.redis.smembers(store.keys.projects) : [query.project];
  return projects.flatMap((project) =>
    query.statuses === null
      ? [store.keys.list(project)]
      : query.statuses.map((status) => store.keys.list(project, status)),
  );
}

async function walk(
  store: RecordStore,
  indexes: readonly string[],
  query: ListQuery,
  before: number | null,
  count: number,
) {
  // Ordinals are microseconds, so times bound them directly.
  const upper = query.createdBeforeMs === null ? Number.POSITIVE_INFINITY : query.createdBeforeMs * 1000;
  const max =
    before !== null && before < upper ? `(${before}` : upper === Number.POSITIVE_INFINITY ? '+inf' : `(${upper}`;
  const min = query.createdAfterMs === null ? '-inf' : `${query.createdAfterMs * 1000 + 1000}`;
  const pipeline = store.redis.pipeline();
  for (const index of indexes) pipeline.zrevrangebyscore(index, max, min, 'WITHSCORES', 'LIMIT', 0, count);
  const entries = new Map<string, number>();
  for (const [error, reply] of (await pipeline.exec()) ?? []) {
    if (error) throw error;
    const flat = reply as string[];
    for (let i = 0; i < flat.length; i += 2) entries.set(flat[i]!, Number(flat[i + 1]));
  }
  return [...entries]
    .map(([id, ordinal]) => ({ id, ordinal }))
    .sort((a, b) => b.ordinal - a.ordinal)
    .slice(0, count);
}

/** The status is judged again: a record may have moved on between the index and the read. */
function matches(record: GenerationRecord, query: ListQuery): boolean {
  return (
    (query.statuses === null || query.statuses.includes(record.status)) &&
    (query.customId === null || record.request.custom_id === query.customId) &&
    (query.errorCode === null || record.error?.code === query.errorCode) &&
    (query.model === null || record.request.model === query.model)
  );
}
