import type { BulkAction, BulkStatus } from '../../contract/bulk-action.ts';
import type { Status } from '../../contract/words.ts';
import type { Idempotency } from './accept.ts';
import { rfc3339 } from './present.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const startScript = loadScript('bulk-start');
const stepScript = loadScript('bulk-step');

/** So many are kept; older ones go when a new one comes. */
const MOST_KEPT = 1000;

export interface BulkStart {
  readonly id: string;
  readonly idempotency: Idempotency | null;
  /** Of whoever asks. */
  readonly project: string;
  readonly action: BulkAction['action'];
  readonly filter: object;
  readonly params: object;
  readonly matched: number;
  readonly createdBy: string;
  /** The batch that it is done to, and the statuses that are meant; null when a filter says. */
  readonly batch: { readonly id: string; readonly statuses: readonly Status[] } | null;
}

export type BulkStartAnswer =
  | { readonly outcome: 'started' | 'key_reused' | 'busy' | 'nothing' }
  | { readonly outcome: 'replayed'; readonly id: string };

/**
 * Writes an action down, for workers to carry out. The same id twice is once. Of a batch: `busy` while it is
 * being canceled (delete: while it is not settled), `nothing` when no item is meant.
 */
export async function startBulkAction(store: RecordStore, input: BulkStart): Promise<BulkStartAnswer> {
  const { batch } = input;
  // Scheduled items are counted as queued ones.
  const counts = [...new Set(batch?.statuses.map((status) => `n:${status === 'scheduled' ? 'queued' : status}`))];
  const [outcome, id = ''] = words(
    await startScript.run(store, [
      ...[input.id, input.idempotency?.key ?? '', input.idempotency?.fingerprint ?? '', input.project, input.action],
      ...[JSON.stringify(input.filter), JSON.stringify(input.params), input.matched, input.createdBy],
      ...[batch?.id ?? '', JSON.stringify(counts), MOST_KEPT],
    ]),
  );
  if (outcome === 'replayed') return { outcome, id };
  return { outcome: outcome as Exclude<BulkStartAnswer['outcome'], 'replayed'> };
}

/** An action as workers see it. */
export interface StoredBulkAction extends Omit<BulkAction, 'object' | 'created_at' | 'finished_at'> {
  readonly createdMs: number;
  readonly finishedMs: number | null;
  /** Where the next page begins; `''` at the start. */
  readonly cursor: string;
  /** Microseconds: its place in the list, and the moment that it is about. */
  readonly ordinal: number;
}

/** Null when there is none, or none any more. */
export async function readBulkAction(store: RecordStore, id: string): Promise<StoredBulkAction | null> {
  const hash = await store.redis.hgetall(`${store.keys.root}bk:${id}`);
  if (hash['action'] === undefined) return null;
  return {
    id,
    action: hash['action'] as BulkAction['action'],
    status: hash['state'] as BulkStatus,
    filter: JSON.parse(hash['filter'] ?? '{}') as Record<string, unknown>,
    params: JSON.parse(hash['params'] ?? '{}') as Record<string, unknown>,
    batch_id: hash['batch'] || null,
    matched: Number(hash['matched']),
    done: Number(hash['done']),
    failed: Number(hash['failed']),
    created_by: hash['created_by'] ?? '',
    createdMs: Number(hash['created_at']),
    finishedMs: hash['finished_at'] === undefined ? null : Number(hash['finished_at']),
    cursor: hash['cursor'] ?? '',
    ordinal: Number(hash['ordinal']),
  };
}

/** As answers show it. */
export function presentBulkAction(stored: StoredBulkAction): BulkAction {
  const { createdMs, finishedMs, cursor: _cursor, ordinal: _ordinal, ...rest } = stored;
  return {
    ...rest,
    object: 'bulk_action',
    created_at: rfc3339(createdMs),
    finished_at: finishedMs === null ? null : rfc3339(finishedMs),
  };
}

/**
 * Newest first.
 * @param page.after ordinal of the last one of the page before
 */
export async function listBulkActions(
  store: RecordStore,
  page: { readonly limit: number; readonly after: number | null },
): Promise<{ actions: StoredBulkAction[]; next: number | null }> {
  const max = page.after === null ? '+inf' : `(${page.after}`;
  const key = `${store.keys.root}bulk`;
  const ids = await store.redis.zrevrangebyscore(key, max, '-inf', 'LIMIT', 0, page.limit + 1);
  const found = await Promise.all(ids.slice(0, page.limit).map((id) => readBulkAction(store, id)));
  const actions = found.filter((each) => each !== null);
  return { actions, next: ids.length > page.limit ? (actions.at(-1)?.ordinal ?? null) : null };
}

/** Those that are under way, in no order. */
export async function openBulkActions(store: RecordStore): Promise<StoredBulkAction[]> {
  const ids = await store.redis.smembers(`${store.keys.root}bulk-open`);
  const found = await Promise.all(ids.map((id) => readBulkAction(store, id)));
  return found.filter((each) => each !== null);
}

/** A page is done. False when another worker did it, or the action has ended. */
export async function stepBulkAction(
  store: RecordStore,
  step: {
    readonly id: string;
    readonly from: string;
    /** Null after the last page. */
    readonly to: string | null;
    readonly done: number;
    readonly failed: number;
  },
): Promise<boolean> {
  const { id, from, to, done, failed } = step;
  const status = to === null ? 'completed' : 'running';
  const [outcome] = words(await stepScript.run(store, [id, from, to ?? '', done, failed, status]));
  return outcome === 'stepped';
}

/** Nothing further is done; what was done stays. `ended`: it had ended before. */
export async function abortBulkAction(store: RecordStore, id: string): Promise<'canceled' | 'ended' | 'missing'> {
  const [outcome] = words(await stepScript.run(store, [id, '', '', 0, 0, 'canceled']));
  return outcome === 'stepped' ? 'canceled' : outcome === 'moved' ? 'ended' : 'missing';
}
