import { setTimeout as wait } from 'node:timers/promises';
import { StorageError } from './storage-error.ts';

/** What an agreement needs of a store: reads and lists show every write that has ended. */
export interface PlainObjects {
  /** @param before monotonic time after which nothing of this write may still be sent */
  put(name: string, text: string, before: number): Promise<void>;
  get(name: string): Promise<string | null>;
  list(): Promise<readonly { readonly name: string; readonly writtenMs: number }[]>;
}

export interface AgreementTimes {
  /** Whoever cannot make up his mind within this gives up, for this time. */
  readonly mindMs: number;
  /** Whoever has not made up his mind for this long, by the store's clock, is dead. Well above `mindMs`. */
  readonly deadMs: number;
}

export const AGREEMENT_TIMES: AgreementTimes = { mindMs: 15_000, deadMs: 60_000 };

/**
 * Lets any number of processes agree on one of their texts, for good, in a store that only knows
 * plain writes and lists: the safe agreement of Borowsky and Gafni (1993).
 *
 * Everyone writes `<who>.begun`, looks around, and then writes `<who>.stands` with the text if nobody
 * stands yet, else `<who>.yields`. As soon as no one is between the two, the set of those who stand
 * cannot grow any more: whoever begins later sees one of them and yields. The least name of the set wins.
 * So an answer that was given is given ever after. Nothing is deleted, or latecomers could stand.
 *
 * A process that dies between its two writes makes the others wait, as `unavailable`, until it counts
 * as dead. That is the one place where time matters: agreement holds unless a write arrives in the
 * store more than `deadMs - mindMs` after its sender broke it off.
 *
 * @param who of this call alone, never used again: a repetition is another participant
 * @param text ends in a line break
 */
export async function agree(
  objects: PlainObjects,
  who: string,
  text: string,
  { mindMs, deadMs }: AgreementTimes,
): Promise<{ readonly winner: string; readonly text: string }> {
  const end = performance.now() + mindMs;
  await objects.put(`${who}.begun`, 'begun\n', end);
  const taken = namesOf(await objects.list(), 'stands').size > 0;
  await objects.put(taken ? `${who}.yields` : `${who}.stands`, text, end);
  for (let looks = 0; ; looks++) {
    const listed = await objects.list();
    if (!someoneIsUndecided(listed, who, deadMs)) {
      const winner = [...namesOf(listed, 'stands').keys()].sort()[0];
      const agreed = winner === undefined ? null : await objects.get(`${winner}.stands`);
      if (winner === undefined || agreed === null) {
        throw new StorageError('unavailable', 'the songs of the generation went away meanwhile');
      }
      // Small stores on a file system may show half a write.
      if (agreed.endsWith('\n')) return { winner, text: agreed };
    }
    if (performance.now() > end) throw new StorageError('unavailable', 'someone who may be dead is committing too');
    await wait(Math.min(50 * 2 ** looks, 1000));
  }
}

type Listed = Awaited<ReturnType<PlainObjects['list']>>;

/** Participants that have written this, and when. */
function namesOf(listed: Listed, what: string): Map<string, number> {
  const ending = `.${what}`;
  const those = listed.filter(({ name }) => name.endsWith(ending));
  return new Map(those.map(({ name, writtenMs }) => [name.slice(0, -ending.length), writtenMs]));
}

/** Ages are differences of the store's own times, so nobody's clock has to be right. */
function someoneIsUndecided(listed: Listed, who: string, deadMs: number): boolean {
  const [begun, stands, yields] = ['begun', 'stands', 'yields'].map((what) => namesOf(listed, what));
  const now = begun?.get(who) ?? Number.NaN;
  for (const [name, since] of begun ?? []) {
    const decided = stands?.has(name) === true || yields?.has(name) === true;
    if (!decided && !(now - since > deadMs)) return true;
  }
  return false;
}
