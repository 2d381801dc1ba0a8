import type { Status } from '../../contract/words.ts';
import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('erase');
const DAY_SECONDS = 86_400;

export type EraseAnswer =
  | { readonly outcome: 'erased' | 'missing' }
  | { readonly outcome: 'conflict'; readonly status: Status };

/**
 * Erases a settled generation: its text goes here, its id and money stay as long as records
 * do. The caller then removes the files from storage and calls {@link forgetSwept}; the workers'
 * repairs do it otherwise.
 *
 * @param keepDays RECORD_TTL_DAYS; 0 = for good
 */
export async function eraseGeneration(store: RecordStore, id: string, keepDays: number): Promise<EraseAnswer> {
  const reply = words(await script.run(store, [id, keepDays * DAY_SECONDS]));
  if (reply[0] === 'conflict') return { outcome: 'conflict', status: reply[1] as Status };
  return { outcome: reply[0] as 'erased' | 'missing' };
}

/** The files of an erased generation are gone. */
export async function forgetSwept(store: RecordStore, id: string): Promise<void> {
  await store.redis.srem(store.keys.sweep, id);
}

/** Ids whose files are still to be removed; at most `count`. */
export async function idsToSweep(store: RecordStore, count: number): Promise<string[]> {
  return store.redis.srandmember(store.keys.sweep, count);
}
