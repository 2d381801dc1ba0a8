import type { UpstreamAnswer } from '../../contract/generation.ts';
import { OUTCOME_TABLE, type OutcomeKind } from '../../contract/outcomes.ts';
import type { Purpose, ReferenceStatus } from '../../contract/reference.ts';
import { jobId, type Pointer } from '../queues.ts';
import { uploadPointer } from './references.ts';
import { GIVE_UP_RATE_LIMITED_MS, PROVES_ACCOUNT } from './release.ts';
import { jsonForLua, loadScript, type RecordStore, words } from './store.ts';

const claimScript = loadScript('claim-reference');
const settleScript = loadScript('settle-reference');

export interface ClaimUpload {
  readonly id: string;
  readonly run: number;
  readonly token: string;
  readonly worker: string;
  readonly leaseMs: number;
  readonly longestCallMs: number;
  readonly maxAttempts: number;
}

export type ClaimUploadAnswer =
  | {
      readonly outcome: 'claimed';
      /** Uploads of this run that counted so far: the step of the backoff. */
      readonly counted: number;
      readonly purpose: Purpose;
      readonly filename: string;
      /** In storage. */
      readonly key: string;
      readonly bytes: number;
    }
  | { readonly outcome: 'gone' | 'done' }
  | { readonly outcome: 'early' | 'busy' | 'held'; readonly ms: number };

/** Asks for the right to upload a reference. */
export async function claimUpload(store: RecordStore, input: ClaimUpload): Promise<ClaimUploadAnswer> {
  const reply = words(
    await claimScript.run(store, [
      ...[input.id, input.run, input.token, input.worker, input.leaseMs, input.longestCallMs, input.maxAttempts],
    ]),
  );
  switch (reply[0]) {
    case 'claimed':
      return {
        outcome: 'claimed',
        counted: Number(reply[1]),
        purpose: reply[2] as Purpose,
        filename: reply[3]!,
        key: reply[4]!,
        bytes: Number(reply[5]),
      };
    case 'gone':
    case 'done':
      return { outcome: reply[0] };
    case 'early':
    case 'busy':
    case 'held':
      return { outcome: reply[0], ms: Number(reply[1]) };
    default:
      throw new TypeError(`claim-reference answered ${reply[0]}`);
  }
}

/** How an upload ended; `kind` is a row of "Outcome and charge", whose charge is none here. */
export type UploadEnd =
  | { readonly kind: 'uploaded'; readonly voiceId: string | null; readonly instrumentalId: string | null }
  | {
      readonly kind: Exclude<OutcomeKind, 'song'>;
      readonly message: string;
      readonly upstream: UpstreamAnswer | null;
      /** Until it may start again. */
      readonly delayMs: number;
    };

export type SettleUploadAnswer =
  | {
      readonly outcome: 'settled';
      readonly status: ReferenceStatus;
      readonly delayMs: number;
      /** Until the next probe of a held account; 0 = not held. */
      readonly heldMs: number;
      readonly lifted: boolean;
    }
  | { readonly outcome: 'gone' };

/** Writes down how an upload ended and says what became of the reference. */
export async function settleUpload(
  store: RecordStore,
  input: { id: string; token: string; end: UploadEnd; firstProbeMs: number; maxAttempts: number },
): Promise<SettleUploadAnswer> {
  const { id, token, end, firstProbeMs, maxAttempts } = input;
  const gave = end.kind === 'uploaded' ? [end.voiceId ?? '', end.instrumentalId ?? ''] : ['', ''];
  const failed = end.kind === 'uploaded' ? ['', '', '', '', 0] : failureArgs(end);
  const holds = end.kind === 'account' ? '1' : '0';
  const proves = end.kind !== 'uploaded' && PROVES_ACCOUNT.has(end.kind) ? '1' : '0';
  const limits = [
    end.kind === 'rate_limited' || end.kind === 'quota' ? '1' : '0',
    end.kind === 'rate_limited' ? GIVE_UP_RATE_LIMITED_MS : 0,
  ];
  const reply = words(
    await settleScript.run(store, [id, token, ...gave, ...failed, holds, firstProbeMs, maxAttempts, proves, ...limits]),
  );
  if (reply[0] === 'gone') return { outcome: 'gone' };
  return {
    outcome: 'settled',
    status: reply[0] as ReferenceStatus,
    delayMs: Number(reply[1]),
    heldMs: Number(reply[2]),
    lifted: reply[3] === '1',
  };
}

function failureArgs(end: Exclude<UploadEnd, { kind: 'uploaded' }>): (string | number)[] {
  const { counts, error } = OUTCOME_TABLE[end.kind];
  const upstream = end.upstream ? jsonForLua(end.upstream) : '';
  return [counts, error ?? 'upstream_unavailable', end.message.toWellFormed(), upstream, Math.ceil(end.delayMs)];
}

/** One page of unsettled references whose pointer BullMQ does not have. */
export async function findMissingUploads(
  store: RecordStore,
  page: { from: number; count: number },
): Promise<{ lookedAt: number; missing: Pointer[] }> {
  const { redis, keys } = store;
  const ids = await redis.zrange(keys.uploads, String(page.from), String(page.from + page.count - 1));
  const pointers = await Promise.all(
    ids.map(async (id) => uploadPointer(id, Number(await redis.hget(keys.reference(id), 'run')))),
  );
  const there = await Promise.all(
    pointers.map((pointer) => redis.exists(`${keys.root}bull:references:${jobId(pointer)}`)),
  );
  return { lookedAt: ids.length, missing: pointers.filter(({ run }, i) => run > 0 && there[i] === 0) };
}
