import { parseArgs } from 'node:util';

export const USAGE = `usage: npm run chaos -- [--seed 1 | --seeds 1,2,3] [--jobs 500] [--faults 40] [--report]
       npm run chaos -- --row W1 | --rows [--seed 1] [--report]
       npm run chaos -- --checker-self-test
--row      a row of the matrix alone, on a system of its own; --rows: each of them in turn
--report   writes what came of it into docs/reliability.md
--checker-self-test  forges runs, to each of which the checker must object
`;

export interface Asked {
  readonly what: 'mixed' | 'rows' | 'self-test';
  readonly seeds: readonly number[];
  readonly jobs: number;
  readonly faults: number;
  /** Rows to run, by name; null for all. */
  readonly rows: readonly string[] | null;
  readonly report: boolean;
}

/** Null for bad usage. */
export function readArguments(args: readonly string[]): Asked | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string', default: '1' },
        seeds: { type: 'string' },
        jobs: { type: 'string', default: '500' },
        faults: { type: 'string', default: '40' },
        row: { type: 'string', multiple: true },
        rows: { type: 'boolean', default: false },
        report: { type: 'boolean', default: false },
        'checker-self-test': { type: 'boolean', default: false },
      },
    });
    const seeds = (values.seeds ?? values.seed).split(',').map(Number);
    const [jobs, faults] = [Number(values.jobs), Number(values.faults)];
    if (![...seeds, jobs, faults].every((n) => Number.isSafeInteger(n) && n >= 0)) return null;
    const what = values['checker-self-test'] ? 'self-test' : values.rows || values.row ? 'rows' : 'mixed';
    return { what, seeds, jobs, faults, rows: values.row ?? null, report: values.report };
  } catch {
    // Whatever parseArgs refuses is told by the usage.
    return null;
  }
}
