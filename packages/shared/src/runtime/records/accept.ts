import type { UnknownChargePolicy } from '../../contract/words.ts';
import type { Pointer } from '../queues.ts';
import { loadScript, type RecordStore, words } from './store.ts';
import type { StoredRequest } from './types.ts';

const script = loadScript('accept');

export interface Idempotency {
  /** Hash of project, route and the caller's key. */
  readonly key: string;
  /** Hash of what was asked; the same key with another one is refused. */
  readonly fingerprint: string;
}

export interface AcceptInput {
  readonly id: string;
  readonly project: string;
  readonly request: StoredRequest;
  /** The policy in force for this generation: its own, or else the server's. */
  readonly policy: UnknownChargePolicy;
  readonly idempotency: Idempotency | null;
  readonly maxWaiting: number;
}

export type AcceptAnswer =
  | {
      readonly outcome: 'accepted';
      readonly pointer: Pointer | null;
      readonly status: 'queued' | 'scheduled';
      /** Its place in every list and, in microseconds, the time it was made. */
      readonly ordinal: number;
    }
  | { readonly outcome: 'replayed'; readonly id: string }
  | { readonly outcome: 'key_reused' }
  | { readonly outcome: 'queue_full' }
  /** The time by which its first call had to start is over. */
  | { readonly outcome: 'late' }
  /** It names references or ids that are another project's, or that cannot give what they are named for. */
  | { readonly outcome: 'refused'; readonly faults: readonly NamedFault[] };

export interface NamedFault {
  readonly pointer: string;
  readonly code: 'unknown_reference' | 'wrong_purpose' | 'foreign_id';
}

/**
 * Records one generation and puts it in line. Resolves only after Redis acknowledged it under its
 * fsync policy. A pointer in the answer means that BullMQ's window has room: add it after answering
 * the caller (if that is lost, the feeder repairs it).
 */
export async function acceptGeneration(store: RecordStore, input: AcceptInput): Promise<AcceptAnswer> {
  const { id, request, idempotency } = input;
  const reply = words(
    await script.run(store, [
      idempotency?.key ?? '',
      idempotency?.fingerprint ?? '',
      input.maxWaiting,
      input.project,
      1,
      id,
      request.priority,
      request.model,
      input.policy,
      request.run_at === null ? 0 : Date.parse(request.run_at),
      request.start_by === null ? 0 : Date.parse(request.start_by),
      JSON.stringify(request),
    ]),
  );
  switch (reply[0]) {
    case 'accepted': {
      const pointer = reply[1] === '1' ? { id, run: 1, priority: request.priority } : null;
      const status = reply[1] === 's' ? 'scheduled' : 'queued';
      return { outcome: 'accepted', pointer, status, ordinal: Number(reply[2]) };
    }
    case 'replayed':
      return { outcome: 'replayed', id: reply[1]! };
    case 'refused': {
      const pairs = reply.slice(1);
      const faults = pairs.flatMap((pointer, i) =>
        i % 2 === 0 ? [{ pointer, code: pairs[i + 1] as NamedFault['code'] }] : [],
      );
      return { outcome: 'refused', faults };
    }
    case 'key_reused':
    case 'queue_full':
    case 'late':
      return { outcome: reply[0] };
    default:
      throw new TypeError(`accept answered ${reply[0]}`);
  }
}
