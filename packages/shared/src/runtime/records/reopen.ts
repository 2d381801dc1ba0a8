import type { Priority, Status } from '../../contract/words.ts';
import { newToken } from '../ids.ts';
import type { Pointer } from '../queues.ts';
import type { Idempotency } from './accept.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('reopen');

export interface ReopenInput {
  readonly id: string;
  readonly action: 'retry' | 'resolve_retry' | 'resolve_fail';
  /** What a human found out about the attempts with unknown charge; null leaves them unknown. */
  readonly charged: boolean | null;
  readonly idempotency: Idempotency | null;
  readonly operation?: string;
}

export type ReopenAnswer =
  | { readonly outcome: 'reopened'; readonly pointer: Pointer | null }
  | { readonly outcome: 'replayed' | 'key_reused' | 'missing' }
  | { readonly outcome: 'conflict'; readonly status: Status };

/** A new run of a settled generation, or the human's word on one that needs review. */
export async function reopenGeneration(store: RecordStore, input: ReopenInput): Promise<ReopenAnswer> {
  const charged = input.charged === null ? '' : input.charged ? 'charged' : 'none';
  const reply = words(
    await script.run(store, [
      input.id,
      input.operation ?? newToken(),
      input.action,
      charged,
      input.idempotency?.key ?? '',
      input.idempotency?.fingerprint ?? '',
    ]),
  );
  switch (reply[0]) {
    case 'reopened': {
      const pointer = { id: input.id, run: Number(reply[1]), priority: reply[3] as Priority };
      return { outcome: 'reopened', pointer: reply[2] === '1' ? pointer : null };
    }
    case 'conflict':
      return { outcome: 'conflict', status: reply[1] as Status };
    case 'replayed':
    case 'key_reused':
    case 'missing':
      return { outcome: reply[0] };
    default:
      throw new TypeError(`reopen answered ${reply[0]}`);
  }
}
