import type { Status } from '../../contract/words.ts';
import type { Limits } from './claim.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('died');

export type DiedAnswer =
  | { readonly outcome: 'closed'; readonly status: Status; readonly run: number }
  /** Nobody has a record of this generation. */
  | { readonly outcome: 'gone' };

/** Closes the attempt of a worker that is known to be dead, unless it is closed: it may have been billed. */
export async function closeDeadCall(
  store: RecordStore,
  { id, token, worker, maxAttempts, maxUnknownCharges }: Limits & { id: string; token: string; worker: string },
): Promise<DiedAnswer> {
  const reply = words(await script.run(store, [id, token, worker, maxAttempts, maxUnknownCharges]));
  if (reply[0] === 'gone') return { outcome: 'gone' };
  return { outcome: 'closed', status: reply[1] as Status, run: Number(reply[2]) };
}
