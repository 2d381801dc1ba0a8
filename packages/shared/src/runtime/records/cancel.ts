import type { Status } from '../../contract/words.ts';
import { newToken } from '../ids.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('cancel');

export type CancelAnswer =
  | { readonly outcome: 'canceled'; readonly run: number }
  | { readonly outcome: 'conflict'; readonly status: Status }
  | { readonly outcome: 'missing' };

/** Cancels at once; a call already sent is paid and left to finish. */
export async function cancelGeneration(store: RecordStore, id: string, operation = newToken()): Promise<CancelAnswer> {
  const reply = words(await script.run(store, [id, operation]));
  if (reply[0] === 'canceled') return { outcome: 'canceled', run: Number(reply[1]) };
  if (reply[0] === 'conflict') return { outcome: 'conflict', status: reply[1] as Status };
  return { outcome: 'missing' };
}
