import type { UnknownChargePolicy } from '../../contract/words.ts';
import type { Pointer } from '../queues.ts';
import { loadScript, type RecordStore, words } from './store.ts';
import type { StoredRequest } from './types.ts';

const script = loadScript('ingest');
const failScript = loadScript('fail-ingest');

/** One line of `items.ndjson`: a valid item of a batch, as it was judged. */
export interface SpooledItem {
  readonly index: number;
  /** Of the file that was submitted, from 1. */
  readonly line: number;
  readonly request: StoredRequest;
}

export interface ItemToIngest {
  readonly id: string;
  readonly index: number;
  readonly policy: UnknownChargePolicy;
  readonly request: StoredRequest;
}

export type IngestAnswer =
  /** Pointers of those that came into BullMQ's window: add them now. */
  | { readonly outcome: 'ingested'; readonly pointers: Pointer[] }
  /** Somebody else recorded them; the next item begins at `offset`. */
  | { readonly outcome: 'moved'; readonly offset: number }
  | { readonly outcome: 'gone' };

/** Records the next items of a batch, at most 100 of them; the same offsets twice are once. */
export async function ingestItems(
  store: RecordStore,
  { id, from, to, items }: { id: string; from: number; to: number; items: readonly ItemToIngest[] },
): Promise<IngestAnswer> {
  const [outcome, ...places] = words(
    await script.run(store, [
      ...[id, from, to, items.length],
      ...items.flatMap(({ id: item, index, policy, request }) => [
        ...[item, request.priority, request.model, policy],
        request.run_at === null ? 0 : Date.parse(request.run_at),
        request.start_by === null ? 0 : Date.parse(request.start_by),
        ...[JSON.stringify(request), index],
      ]),
    ]),
  );
  if (outcome === 'gone') return { outcome };
  if (outcome === 'moved') return { outcome, offset: Number(places[0]) };
  if (outcome !== 'ingested') throw new TypeError(`ingest answered ${outcome}`);
  const inWindow = items.filter((_item, at) => places[at] === '1');
  return { outcome, pointers: inWindow.map((item) => ({ id: item.id, run: 1, priority: item.request.priority })) };
}

/** The rest of the items cannot be recorded: they count as failed, and the batch says why. */
export async function failIngest(
  store: RecordStore,
  id: string,
  error: { code: string; message: string },
): Promise<void> {
  await failScript.run(store, [id, error.code, error.message]);
}

/** Batches whose items are not all recorded, oldest first. */
export function ingestingBatches({ redis, keys }: RecordStore, most: number): Promise<string[]> {
  return redis.zrange(keys.ingesting, '0', String(most - 1));
}
