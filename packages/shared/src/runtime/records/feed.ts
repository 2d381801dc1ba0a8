import type { Priority } from '../../contract/words.ts';
import type { Pointer } from '../queues.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const feedScript = loadScript('feed');
const dueScript = loadScript('due');
const repairScript = loadScript('repair');
const beatScript = loadScript('beat');

/** Moves what is first in line into BullMQ's window; null when another worker holds the feeder's lease. */
export async function feedWindow(
  store: RecordStore,
  input: { worker: string; leaseMs: number; most: number },
): Promise<Pointer[] | null> {
  const reply = words(await feedScript.run(store, [input.worker, input.leaseMs, input.most]));
  if (reply[0] === 'other') return null;
  return pointersIn(reply);
}

/** Each as three words: id, run, priority. */
function pointersIn(reply: readonly string[]): Pointer[] {
  const pointers: Pointer[] = [];
  for (let i = 0; i < reply.length; i += 3) {
    pointers.push({ id: reply[i]!, run: Number(reply[i + 1]), priority: reply[i + 2] as Priority });
  }
  return pointers;
}

export interface DuePage {
  /** Their pointers, if they have any, are of no use. */
  readonly canceled: readonly Pick<Pointer, 'id' | 'run'>[];
  readonly cameIntoLine: number;
  /** Those that BullMQ's window has room for. */
  readonly pointers: readonly Pointer[];
}

/** Lets scheduled generations into line and cancels late ones; null when another worker holds the lease. */
export async function takeDue(
  store: RecordStore,
  input: { worker: string; leaseMs: number; most: number },
): Promise<DuePage | null> {
  const [first, second, ...rest] = words(await dueScript.run(store, [input.worker, input.leaseMs, input.most]));
  if (first === 'other') return null;
  const inLineFrom = Number(first) * 2;
  const canceled = Array.from({ length: Number(first) }, (_, i) => ({
    id: rest[2 * i]!,
    run: Number(rest[2 * i + 1]),
  }));
  return { canceled, cameIntoLine: Number(second), pointers: pointersIn(rest.slice(inLineFrom)) };
}

export interface RepairPage {
  readonly lookedAt: number;
  /** How far the next page begins: entries of settled records were taken out of this one. */
  readonly kept: number;
  readonly missing: readonly (Pointer & { readonly finishedJobInTheWay: boolean })[];
}

/** One page of waiting records whose pointer BullMQ does not have. */
export async function findMissingPointers(
  store: RecordStore,
  input: { set: 'window' | 'parked'; from: number; count: number; olderThanMs: number },
): Promise<RepairPage> {
  const reply = words(await repairScript.run(store, [input.set, input.from, input.count, input.olderThanMs]));
  const missing = [];
  for (let i = 2; i < reply.length; i += 4) {
    missing.push({
      id: reply[i]!,
      run: Number(reply[i + 1]),
      priority: reply[i + 2] as Priority,
      finishedJobInTheWay: reply[i + 3] === '1',
    });
  }
  return { lookedAt: Number(reply[0]), kept: Number(reply[1]), missing };
}

/** Whether a worker has shown itself within its lease. */
export async function isWorkerLive(store: RecordStore, worker: string, leaseMs: number): Promise<boolean> {
  const [seen, time] = await Promise.all([store.redis.zscore(store.keys.workers, worker), store.redis.time()]);
  return seen !== null && Number(seen) + leaseMs > Number(time[0]) * 1000;
}

export interface Beat {
  readonly worker: string;
  readonly concurrency: number;
  readonly about: object;
  readonly leaseMs: number;
  /** UPSTREAM_MAX_CONCURRENCY; 0 = unlimited. */
  readonly maxConcurrency: number;
  readonly leaves?: boolean;
}

/** Says that a worker is alive (or leaves) and sizes the window from all that are. */
export async function beat(store: RecordStore, input: Beat): Promise<{ workers: number; slots: number }> {
  const reply = words(
    await beatScript.run(store, [
      input.worker,
      input.concurrency,
      JSON.stringify(input.about),
      input.leaseMs,
      input.maxConcurrency,
      input.leaves ? '1' : '0',
    ]),
  );
  return { workers: Number(reply[0]), slots: Number(reply[1]) };
}
