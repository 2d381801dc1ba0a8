import { readLedger } from '@songmill/simulator/ledger/ledger';
import { jobIn } from './history.ts';

/** One call of the upstream's song route, from all its lines. */
export interface LedgerCall {
  readonly call: string;
  /** When its first line was written: it had arrived whole by then. */
  atMs: number;
  /** Null when it was refused before its fields were looked at. */
  lyricsSha256: string | null;
  job: number | null;
  /** The upstream took it on; a refused call costs nothing. */
  accepted: boolean;
  charged: boolean;
  /** The fault that the simulator played, in its own words. */
  fault: string | null;
}

const SONG_ROUTE = /music_generation$/;

/** Every call that reached the upstream, oldest first. */
export async function readCalls(path: string): Promise<LedgerCall[]> {
  const calls = new Map<string, LedgerCall>();
  for await (const line of readLedger(path)) {
    if (!SONG_ROUTE.test(line.path)) continue;
    const call = calls.get(line.call) ?? {
      call: line.call,
      atMs: Date.parse(line.at),
      lyricsSha256: line.lyrics_sha256 ?? null,
      job: jobIn(line.lyrics ?? ''),
      accepted: false,
      charged: false,
      fault: null,
    };
    calls.set(line.call, call);
    if (line.event === 'call') call.accepted = true;
    if (line.event === 'charge') call.charged = true;
    call.fault ??= line.fault ?? null;
  }
  return [...calls.values()].sort((a, b) => a.atMs - b.atMs);
}
