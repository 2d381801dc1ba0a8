import { type LedgerLine, readLedger } from './ledger.ts';

interface Counts {
  calls: number;
  charges: number;
  answers: number;
  refusals: number;
  gone: number;
}

export interface LedgerSummary extends Counts {
  /** `n` of the newest line; pass it as `after` to see only what comes later. */
  last: number;
  uploads: number;
  by_lyrics: Record<string, Counts & { lyrics: string; tag: string | null }>;
}

/**
 * Adds up the lines after `after`. `calls` were accepted, `charges` billed, `answers` sent in full after
 * an accepted call, `refusals` answered without being accepted, `gone` left by their client.
 */
export async function summarizeLedger(path: string, after: number): Promise<LedgerSummary> {
  const accepted = new Set<string>();
  const total = { last: 0, uploads: 0, ...noCounts() };

  const byLyrics = new Map<string, Counts & { lyrics: string; tag: string | null }>();
  for await (const line of readLedger(path)) {
    total.last = Math.max(total.last, line.n);
    if (line.event === 'call') accepted.add(line.call);
    if (line.n <= after) continue;
    if (line.event === 'upload') total.uploads += 1;
    const column = columnOf(line, accepted);
    if (column === null) continue;
    total[column] += 1;
    if (line.lyrics_sha256 === undefined) continue;
    const entry = byLyrics.get(line.lyrics_sha256) ?? {
      ...noCounts(),
      lyrics: line.lyrics ?? '',
      tag: line.tag ?? null,
    };
    entry[column] += 1;
    byLyrics.set(line.lyrics_sha256, entry);
  }
  return { ...total, by_lyrics: Object.fromEntries(byLyrics) };
}

function columnOf(line: LedgerLine, accepted: ReadonlySet<string>): keyof Counts | null {
  switch (line.event) {
    case 'call':
      return 'calls';
    case 'charge':
      return 'charges';
    case 'gone':
      return 'gone';
    case 'answer':
      return accepted.has(line.call) ? 'answers' : 'refusals';
    case 'upload':
      return null;
  }
}

function noCounts(): Counts {
  return { calls: 0, charges: 0, answers: 0, refusals: 0, gone: 0 };
}
