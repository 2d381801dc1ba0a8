import type { UpstreamAnswer } from '../../contract/generation.ts';
import { OUTCOME_TABLE, type OutcomeKind } from '../../contract/outcomes.ts';
import type { Blocker, GenerationErrorCode, Status } from '../../contract/words.ts';
import type { Limits } from './claim.ts';
import { jsonForLua, loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('release');

/** Rate limits are waited out for a day; then the caller is told. */
export const GIVE_UP_RATE_LIMITED_MS = 24 * 3_600_000;

/** What proves that key and balance are good: the upstream judged or worked on the request itself. */
export const PROVES_ACCOUNT: ReadonlySet<OutcomeKind> = new Set([
  'invalid_request',
  'content_rejected',
  'output_rejected',
  'stated_failure',
  'too_large',
  'unusable_audio',
  'song_lost',
]);

/** Calls that did not get through, as far as the breaker is concerned: no connection, no answer, or a broken one. */
const NOT_REACHED: ReadonlySet<OutcomeKind> = new Set(['not_sent', 'unknown_failure', 'timeout']);

export interface ReleaseInput extends Limits {
  readonly id: string;
  readonly token: string;
  readonly worker: string;
  readonly kind: Exclude<OutcomeKind, 'song'>;
  readonly message: string;
  readonly upstream: UpstreamAnswer | null;
  /** Until it may start again; 0 leaves it where it stands in line. */
  readonly delayMs: number;
  readonly waitReason: Blocker;
  /** `account` or `model:<name>` when the answer holds one of them. */
  readonly hold: string | null;
  readonly firstProbeMs: number;
  /** We hung up ourselves, so the end of the call says nothing about the upstream. */
  readonly gaveUp: boolean;
  /** First and longest wait between probes while the breaker is open. */
  readonly breaker: { readonly firstMs: number; readonly longestMs: number };
}

export type ReleaseAnswer =
  | {
      readonly outcome: 'released';
      readonly status: Status;
      readonly run: number;
      readonly delayMs: number;
      /** Until the next probe of a held account; 0 = not held. */
      readonly heldMs: number;
      /** A hold was lifted, or the breaker closed: starts may go on at once. */
      readonly lifted: boolean;
      /** Until the breaker's next probe; 0 = closed. */
      readonly openMs: number;
    }
  | { readonly outcome: 'gone' };

/** Closes an attempt that gave no song and says what became of the run. */
export async function releaseGeneration(store: RecordStore, input: ReleaseInput): Promise<ReleaseAnswer> {
  const row = OUTCOME_TABLE[input.kind];
  const error: GenerationErrorCode = row.error ?? 'upstream_unavailable';
  const reply = words(
    await script.run(store, [
      input.id,
      input.token,
      row.outcome,
      row.charge,
      row.counts,
      error,
      input.message,
      input.upstream ? jsonForLua(input.upstream) : '',
      Math.ceil(input.delayMs),
      input.waitReason,
      input.hold ?? '',
      input.firstProbeMs,
      input.kind === 'rate_limited' ? GIVE_UP_RATE_LIMITED_MS : 0,
      input.maxAttempts,
      input.maxUnknownCharges,
      PROVES_ACCOUNT.has(input.kind) ? '1' : '0',
      input.gaveUp ? 'unclear' : NOT_REACHED.has(input.kind) ? 'not_reached' : 'reached',
      Math.ceil(input.breaker.firstMs),
      Math.ceil(input.breaker.longestMs),
      input.worker,
    ]),
  );
  if (reply[0] === 'gone') return { outcome: 'gone' };
  return {
    outcome: 'released',
    status: reply[0] as Status,
    run: Number(reply[1]),
    delayMs: Number(reply[2]),
    heldMs: Number(reply[3]),
    lifted: reply[4] === '1',
    openMs: Number(reply[5]),
  };
}
