import { loadScript, type RecordStore, words } from './store.ts';

const script = loadScript('retain');

/** What is done with settled generations as time goes by, in this order. */
export type RetentionStep = 'settled' | 'songs' | 'records' | 'batches';

/**
 * Handles one page of a step: packs whole records into one string (`settled`), gives songs to the
 * sweep of storage (`songs`), erases records (`records`) and batches (`batches`). Answers how many it handled.
 *
 * @param ageMs since they finished
 * @param most at once; a record takes about 0.1 ms of Redis' time
 */
export async function retainPage(
  store: RecordStore,
  { step, ageMs, most }: { step: RetentionStep; ageMs: number; most: number },
): Promise<number> {
  return Number(words(await script.run(store, [step, ageMs, most]))[0]);
}
