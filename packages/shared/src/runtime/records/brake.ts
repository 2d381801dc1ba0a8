import type { Blocker } from '../../contract/words.ts';
import { loadScript, type RecordStore } from './store.ts';

const script = loadScript('brake');

/** Waits for a probe: they end as soon as one succeeded. */
const PROBED: readonly Blocker[] = ['account', 'upstream'];

/** What an operator may know to be over, too: a quota whose end nobody announced. A rate limit goes on whoever wishes otherwise. */
const RESUMED: readonly Blocker[] = [...PROBED, 'quota'];

/** Stops all starts, in every worker, for `ms` at least; the reason is kept for whoever asks why a generation waits. */
export async function brakeStarts(store: RecordStore, ms: number, reason: Blocker): Promise<void> {
  await script.run(store, [Math.max(Math.ceil(ms), 1), reason]);
}

/** The upstream is reached, the account works again: starts go on at once, unless a limit of its own stops them. */
export async function freeProbed(store: RecordStore): Promise<void> {
  await script.run(store, [0, ...PROBED]);
}

/** The same on an operator's word. */
export async function freeResumed(store: RecordStore): Promise<void> {
  await script.run(store, [0, ...RESUMED]);
}

/** What a ZRANGE … WITHSCORES of the brakes says (Unix ms); ended ones are among them until the next brake. */
export function brakesOf(flat: readonly string[]): { reason: Blocker; untilMs: number }[] {
  return flat.flatMap((reason, i) =>
    i % 2 === 0 ? [{ reason: reason as Blocker, untilMs: Number(flat[i + 1]) }] : [],
  );
}
