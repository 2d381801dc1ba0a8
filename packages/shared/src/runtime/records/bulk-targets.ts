import {
  ACTION_STATUSES,
  type BulkAction,
  type DeliveryFilter,
  type GenerationFilter,
} from '../../contract/bulk-action.ts';
import type { GenerationErrorCode, Status } from '../../contract/words.ts';
import { itemId } from '../ids.ts';
import { readBatchRecord } from './batches.ts';
import { listDeliveries } from './delivery-list.ts';
import { listGenerations } from './list.ts';
import { readGenerations } from './read.ts';
import type { RecordStore } from './store.ts';
import type { GenerationRecord } from './types.ts';

/** A page of what an action is about, newest first. */
export interface TargetPage {
  /** Generations that match; empty for deliveries. */
  readonly generations: readonly GenerationRecord[];
  /** Ids of deliveries that match; empty for generations. */
  readonly deliveries: readonly string[];
  /** Where the next page begins; null after the last one. */
  readonly next: string | null;
}

/** The filter of an action on a whole batch, whose items are walked in input order. */
export interface BatchFilter {
  readonly status: readonly Status[];
  readonly error_codes?: readonly GenerationErrorCode[];
  /** How many items there were: of an action that outlives its batch. */
  readonly total?: number;
}

interface Wanted {
  readonly action: BulkAction['action'];
  /** Of an action on a batch. */
  readonly batch_id: string | null;
  readonly filter: object;
  /** Microseconds: what came later is not meant. */
  readonly ordinal: number;
}

export type GenerationAction = Exclude<BulkAction['action'], 'redeliver'>;

const PAGE = 100;
const LOST = ['failed', 'canceled'] as const;

/** @param cursor `''` for the first page */
export async function targetPage(store: RecordStore, wanted: Wanted, cursor: string): Promise<TargetPage> {
  const after = cursor === '' ? wanted.ordinal : Number(cursor);
  if (wanted.action === 'redeliver') return deliveryPage(store, wanted.filter, after);
  const filter = wanted.filter as GenerationFilter;
  const batch = wanted.batch_id ?? filter.batch_id;
  if (batch !== undefined) return itemPage(store, wanted, batch, cursor);
  const time = (text: string | undefined) => (text === undefined ? null : Date.parse(text));
  const page = await listGenerations(store, {
    project: filter.project ?? null,
    statuses: filter.status ?? ACTION_STATUSES[wanted.action],
    customId: filter.custom_id ?? null,
    errorCode: filter.error_code ?? null,
    model: filter.model ?? null,
    createdAfterMs: time(filter.created_after),
    createdBeforeMs: time(filter.created_before),
    ...{ limit: PAGE, after },
  });
  return { generations: page.records, deliveries: [], next: page.next === null ? null : String(page.next) };
}

/** Items of a batch in input order, by their computed ids. */
async function itemPage(store: RecordStore, wanted: Wanted, batchId: string, cursor: string): Promise<TargetPage> {
  const batch = await readBatchRecord(store, batchId);
  // An action on the whole batch waits until it has come in: the page after this one is this one.
  if (wanted.batch_id !== null && batch?.status === 'ingesting')
    return { generations: [], deliveries: [], next: cursor };
  const from = Number(cursor);
  const total = batch?.counts.total ?? (wanted.filter as Partial<BatchFilter>).total ?? 0;
  const until = Math.max(Math.min(from + PAGE, total), from);
  const ids = Array.from({ length: until - from }, (_, at) => itemId(batchId, from + at));
  const found = await readGenerations(store, ids);
  const generations = found.filter((record) => record !== null && matches(record, wanted));
  const next = until < total ? String(until) : null;
  return { generations: generations as GenerationRecord[], deliveries: [], next };
}

function matches(record: GenerationRecord, { action, filter }: Wanted): boolean {
  if (action === 'redeliver') return false;
  const asked = filter as GenerationFilter & Partial<BatchFilter>;
  const statuses: readonly string[] = asked.status ?? ACTION_STATUSES[action];
  const code = record.error?.code;
  const is = (wish: string | undefined, value: string | null | undefined) => wish === undefined || wish === value;
  return (
    statuses.includes(record.status) &&
    is(asked.project, record.project) &&
    is(asked.custom_id, record.request.custom_id) &&
    is(asked.error_code, code) &&
    is(asked.model, record.request.model) &&
    (asked.error_codes === undefined || asked.error_codes.some((each) => each === code)) &&
    (asked.created_after === undefined || record.createdMs > Date.parse(asked.created_after)) &&
    (asked.created_before === undefined || record.createdMs < Date.parse(asked.created_before))
  );
}

async function deliveryPage(store: RecordStore, filter: DeliveryFilter, after: number): Promise<TargetPage> {
  const page = await listDeliveries(store, {
    project: filter.project ?? null,
    statuses: filter.status ?? LOST,
    endpointId: filter.endpoint_id ?? null,
    subject: filter.generation_id ?? filter.batch_id ?? null,
    eventId: filter.event_id ?? null,
    ...{ limit: PAGE, after },
  });
  const deliveries = page.deliveries.map(({ id }) => id);
  return { generations: [], deliveries, next: page.next === null ? null : String(page.next) };
}

/**
 * Whether an action may still be done to a generation as it is now: what settled or ran again after the
 * action was asked for is somebody's later decision.
 *
 * @param sinceMs when it was asked for
 */
export function isStillMeant(record: GenerationRecord, action: GenerationAction, sinceMs: number): boolean {
  const statuses: readonly string[] = ACTION_STATUSES[action];
  if (!statuses.includes(record.status)) return false;
  if (action !== 'cancel') return record.finishedMs === null || record.finishedMs <= sinceMs;
  if (record.run === 1) return true;
  const began = record.history.find(({ run }) => run === record.run);
  return began === undefined || began.atMs <= sinceMs;
}
