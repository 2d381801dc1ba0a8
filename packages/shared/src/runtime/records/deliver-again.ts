import { newToken } from '../ids.ts';
import type { Idempotency } from './accept.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const againScript = loadScript('deliver-again');
const recoverScript = loadScript('deliver-recover');
const retainScript = loadScript('deliver-retain');

interface RedeliverInput {
  readonly id: string;
  readonly idempotency?: Idempotency | null;
  readonly operation?: string;
  readonly aheadMs?: number;
}

type RedeliverOutcome = 'again' | 'replayed' | 'key_reused' | 'disabled' | 'missing';

/** Sends one delivery again, now and from the first step of the schedule. */
export async function redeliver(
  store: RecordStore,
  { id, idempotency, operation = newToken(), aheadMs = 0 }: RedeliverInput,
): Promise<RedeliverOutcome> {
  const { key = '', fingerprint = '' } = idempotency ?? {};
  const [outcome] = words(await againScript.run(store, [id, operation, key, fingerprint, aheadMs]));
  return outcome as RedeliverOutcome;
}

/**
 * How many deliveries of an endpoint failed or were canceled in a span of time (by their events); unless it
 * is a dry run, workers send them again from here on.
 */
export async function recoverDeliveries(
  store: RecordStore,
  input: { endpoint: string; sinceMs: number; untilMs: number; dryRun: boolean },
): Promise<number> {
  const step = input.dryRun ? 'count' : 'start';
  const [count] = words(await recoverScript.run(store, [input.endpoint, input.sinceMs, input.untilMs, step, 0, 0]));
  return Number(count);
}

/** One page of whatever recovery is under way. Answers how many deliveries were sent again; 0 = none is left. */
export async function recoverPage(store: RecordStore, most: number, aheadMs: number): Promise<number> {
  return Number(words(await recoverScript.run(store, ['', 0, 0, 'go_on', most, aheadMs]))[0]);
}

/** Erases one page of a project's deliveries that are older than that. Answers how many. */
export async function retainDeliveries(
  store: RecordStore,
  { project, ageMs, most }: { project: string; ageMs: number; most: number },
): Promise<number> {
  return Number(words(await retainScript.run(store, [project, ageMs, most]))[0]);
}
