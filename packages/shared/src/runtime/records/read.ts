import type { Attempt, Generation, UpstreamAnswer } from '../../contract/generation.ts';
import type { AcceptedRequest } from '../../contract/generation-rules.ts';
import type { Blocker, Charge, Outcome, Priority, Status } from '../../contract/words.ts';
import { unpackedHash } from './packed.ts';
import { rfc3339 } from './present.ts';
import type { RecordStore } from './store.ts';
import type { GenerationRecord, HistoryEntry, Song } from './types.ts';

/** The generation with this id, or null. One HGETALL of one record, whose size is bounded. */
export async function readGeneration(store: RecordStore, id: string): Promise<GenerationRecord | null> {
  const record = parseRecord(id, await store.redis.hgetall(store.keys.generation(id)));
  const [found = null] = await withBatchEnds(store, [record]);
  return found;
}

/** Several generations in one round trip; null where one is missing. */
export async function readGenerations(
  store: RecordStore,
  ids: readonly string[],
): Promise<(GenerationRecord | null)[]> {
  if (ids.length === 0) return [];
  const pipeline = store.redis.pipeline();
  for (const id of ids) pipeline.hgetall(store.keys.generation(id));
  const replies = (await pipeline.exec()) ?? [];
  const records = replies.map(([error, hash], index) => {
    if (error) throw error;
    return parseRecord(ids[index]!, hash as Record<string, string>);
  });
  return withBatchEnds(store, records);
}

/** Items of a batch are kept from its end on, which only the batch knows: one more round trip for those. */
async function withBatchEnds(
  { redis, keys }: RecordStore,
  records: readonly (GenerationRecord | null)[],
): Promise<(GenerationRecord | null)[]> {
  const batches = [...new Set(records.flatMap((record) => record?.batchId ?? []))];
  if (batches.length === 0) return [...records];
  const ends = await Promise.all(batches.map((id) => redis.hget(keys.batch(id), 'finished_at')));
  const endOf = new Map(batches.map((id, at) => [id, numberOrNull(ends[at] ?? undefined)]));
  return records.map((record) =>
    record?.batchId == null ? record : { ...record, keptFromMs: endOf.get(record.batchId) ?? null },
  );
}

/** Turns the hash of a record, packed or not, into its typed form; null for an empty hash. */
export function parseRecord(id: string, stored: Record<string, string>): GenerationRecord | null {
  const hash = unpackedHash(id, stored);
  if (hash['project'] === undefined) return null;
  return {
    id,
    project: hash['project'],
    status: hash['status'] as Status,
    sequence: Number(hash['sequence']),
    run: Number(hash['run']),
    ordinal: Number(hash['ordinal']),
    createdMs: Number(hash['created_at']),
    startedMs: numberOrNull(hash['started_at']),
    finishedMs: numberOrNull(hash['finished_at']),
    request: JSON.parse(hash['request']!) as AcceptedRequest,
    priority: hash['priority'] as Priority,
    batchId: hash['batch_id'] ?? null,
    batchIndex: numberOrNull(hash['batch_index']),
    keptFromMs: hash['batch_id'] === undefined ? numberOrNull(hash['finished_at']) : null,
    attempts: attemptsOf(hash),
    attemptsTotal: Number(hash['attempts_total'] ?? 0),
    counted: Number(hash['counted'] ?? 0),
    unknownCharges: Number(hash['unknown'] ?? 0),
    notBeforeMs: numberOrNull(hash['not_before']),
    waitReason: (hash['wait_reason'] as Blocker | undefined) ?? null,
    song: hash['song'] ? (JSON.parse(hash['song']) as Song) : null,
    spare: hash['spare'] ? (JSON.parse(hash['spare']) as Song) : null,
    error: errorOf(hash['error']),
    history: historyOf(hash),
  };
}

/** How `attempt.lua` writes an attempt. */
interface StoredAttempt {
  number: number;
  run: number;
  worker: string;
  started_at: number;
  finished_at?: number;
  outcome?: Outcome;
  charge?: Charge;
  upstream?: UpstreamAnswer;
}

function attemptsOf(hash: Record<string, string>): Attempt[] {
  const attempts: Attempt[] = [];
  for (const [field, text] of Object.entries(hash)) {
    if (!field.startsWith('a:')) continue;
    const stored = JSON.parse(text) as StoredAttempt;
    attempts.push({
      number: stored.number,
      run: stored.run,
      worker: stored.worker,
      started_at: rfc3339(stored.started_at),
      finished_at: stored.finished_at === undefined ? null : rfc3339(stored.finished_at),
      outcome: stored.outcome ?? null,
      charge: stored.charge ?? null,
      upstream: stored.upstream ?? null,
    });
  }
  return attempts.sort((a, b) => a.number - b.number);
}

function historyOf(hash: Record<string, string>): HistoryEntry[] {
  const history: HistoryEntry[] = [];
  for (const [field, text] of Object.entries(hash)) {
    if (!field.startsWith('h:')) continue;
    const [status, run, atMs] = text.split('|');
    history.push({ sequence: Number(field.slice(2)), status: status as Status, run: Number(run), atMs: Number(atMs) });
  }
  return history.sort((a, b) => a.sequence - b.sequence);
}

function errorOf(text: string | undefined): Generation['error'] {
  if (!text) return null;
  const error = JSON.parse(text) as NonNullable<Generation['error']>;
  return { code: error.code, message: error.message, retryable: error.retryable, upstream: error.upstream ?? null };
}

function numberOrNull(text: string | undefined): number | null {
  return text === undefined || text === '' ? null : Number(text);
}
