import { createHash } from 'node:crypto';
import { ledgerFromNow } from './faults/signals.ts';
import type { ChaosSystem } from './types.ts';

/** What the upstream's own books say of one song, as an operator would look it up. */
export interface Billed {
  readonly charges: number;
  /** Calls that may still be billed. */
  readonly open: number;
}

/** Looks songs up in the upstream's ledger, as of the time of this call; looking again costs only what was written since. */
export function readBills(system: ChaosSystem): (lyrics: string) => Promise<Billed> {
  const ledger = ledgerFromNow(system);
  const charges = new Map<string, number>();
  const openCalls = new Map<string, Set<string>>();
  let read = 0;
  let reading: Promise<void> = Promise.resolve();

  async function readOn(): Promise<void> {
    const lines = await (await ledger)();
    for (const { event, call, lyrics_sha256: sha } of lines.slice(read)) {
      if (sha === undefined) continue;
      const calls = openCalls.get(sha) ?? new Set();
      openCalls.set(sha, calls);
      if (event === 'call') calls.add(call);
      else calls.delete(call);
      if (event === 'charge') charges.set(sha, (charges.get(sha) ?? 0) + 1);
    }
    read = lines.length;
  }
  return async (lyrics) => {
    // One after the other: two readings at once would both take the same lines.
    reading = reading.then(readOn);
    await reading;
    const sha = createHash('sha256').update(lyrics).digest('hex');
    return { charges: charges.get(sha) ?? 0, open: openCalls.get(sha)?.size ?? 0 };
  };
}
