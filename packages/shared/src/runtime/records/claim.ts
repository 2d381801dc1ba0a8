import type { AcceptedRequest } from '../../contract/generation-rules.ts';
import type { SettledStatus } from '../../contract/words.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('claim');

export interface Limits {
  readonly maxAttempts: number;
  readonly maxUnknownCharges: number;
}

export interface ClaimInput extends Limits {
  readonly id: string;
  readonly run: number;
  readonly token: string;
  readonly worker: string;
  readonly leaseMs: number;
  readonly longestCallMs: number;
}

export type ClaimAnswer =
  | {
      readonly outcome: 'claimed';
      readonly attempt: number;
      /** Attempts of this run that counted so far: the step of the backoff. */
      readonly counted: number;
      readonly modelHasWorked: boolean;
      readonly request: AcceptedRequest;
    }
  | { readonly outcome: 'gone' | 'done' }
  | { readonly outcome: 'early' | 'busy' | 'yield'; readonly ms: number }
  | { readonly outcome: 'held'; readonly ms: number; readonly scope: string }
  | { readonly outcome: 'settled'; readonly status: SettledStatus };

/** Asks for the right to call the upstream; `claimed` means that the intent is on record. */
export async function claimGeneration(store: RecordStore, input: ClaimInput): Promise<ClaimAnswer> {
  const reply = words(
    await script.run(store, [
      input.id,
      input.run,
      input.token,
      input.worker,
      input.leaseMs,
      input.longestCallMs,
      input.maxAttempts,
      input.maxUnknownCharges,
    ]),
  );
  switch (reply[0]) {
    case 'claimed':
      return {
        outcome: 'claimed',
        attempt: Number(reply[1]),
        counted: Number(reply[2]),
        modelHasWorked: reply[3] === '1',
        request: JSON.parse(reply[4]!) as AcceptedRequest,
      };
    case 'gone':
    case 'done':
      return { outcome: reply[0] };
    case 'early':
    case 'busy':
    case 'yield':
      return { outcome: reply[0], ms: Number(reply[1]) };
    case 'held':
      return { outcome: 'held', ms: Number(reply[1]), scope: reply[2]! };
    case 'settled':
      return { outcome: 'settled', status: reply[1] as SettledStatus };
    default:
      throw new TypeError(`claim answered ${reply[0]}`);
  }
}
