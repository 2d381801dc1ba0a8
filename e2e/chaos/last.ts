import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from '@songmill/shared/testing/machine';
import type { MixedRun } from './mixed-run.ts';
import { percentile } from './recovery.ts';
import type { RowResult, Verdict } from './types.ts';

const FILE = 'e2e/chaos/last.json';

/** When, at which commit and where. */
export interface About {
  readonly at: string;
  readonly commit: string;
  readonly machine: Machine;
}

/** What is kept of a mixed run. */
export interface KeptRun extends About {
  readonly seed: number;
  readonly songs: number;
  readonly injected: number;
  readonly effective: number;
  /** Effective faults by row. */
  readonly rows: Readonly<Record<string, number>>;
  readonly figures: Verdict['figures'] | null;
  readonly billed_again: number;
  readonly failures: readonly string[];
  readonly recovery_ms: { readonly p50: number | null; readonly p99: number | null };
  readonly minutes: number;
}

export interface KeptRow extends About, Omit<RowResult, 'verdict'> {}

/** What `e2e/chaos/last.json` holds: the last run of each seed and of each row. */
export interface Kept {
  readonly runs: Readonly<Record<string, KeptRun>>;
  readonly rows: Readonly<Record<string, KeptRow>>;
}

export async function readKept(root: string): Promise<Kept> {
  try {
    return JSON.parse(await readFile(join(root, FILE), 'utf8')) as Kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { runs: {}, rows: {} };
    throw error;
  }
}

/** Adds these results; those of other seeds and rows stay as they are. */
export async function keep(
  root: string,
  { runs, rows, about }: { runs: readonly MixedRun[]; rows: readonly RowResult[]; about: About },
): Promise<Kept> {
  const before = await readKept(root);
  const kept: Kept = {
    runs: { ...before.runs, ...Object.fromEntries(runs.map((run) => [run.seed, { ...about, ...keptRun(run) }])) },
    rows: {
      ...before.rows,
      ...Object.fromEntries(rows.map((row) => [`${row.row} ${row.title}`, { ...about, ...keptRow(row) }])),
    },
  };
  await writeFile(join(root, FILE), `${JSON.stringify(kept, null, 2)}\n`);
  return kept;
}

function keptRow({ row, title, passed, seen, skipped }: RowResult): Omit<KeptRow, keyof About> {
  return { row, title, passed, seen, ...(skipped === undefined ? {} : { skipped }) };
}

function keptRun(run: MixedRun): Omit<KeptRun, keyof About> {
  const rows: Record<string, number> = {};
  const effective = run.injected.filter((each) => each.effective);
  for (const { row } of effective) rows[row] = (rows[row] ?? 0) + 1;
  return {
    seed: run.seed,
    songs: run.jobs,
    injected: run.injected.length,
    effective: effective.length,
    rows,
    figures: run.verdict?.figures ?? null,
    billed_again: run.billedAgain,
    failures: run.failures,
    recovery_ms: { p50: percentile(run.recoveryMs, 0.5), p99: percentile(run.recoveryMs, 0.99) },
    minutes: (run.tookMs.load + run.tookMs.rest) / 60_000,
  };
}
