import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '@songmill/shared/testing/processes';
import { judge } from './gate.ts';
import { keep, readCommitted } from './last.ts';
import { describeCommit, describeMachine } from '@songmill/shared/testing/machine';
import { FULL, type Plan, QUICK } from './plan.ts';
import { benchmarksPage, resultLine } from './report.ts';
import { type Result, ROWS, type RowName } from './result.ts';
import { measureRow } from './rows/row.ts';

const USAGE = `usage: node bench/main.ts [row…] [--quick] [--profile folder]
rows: ${ROWS.join(', ')}; without any, all are measured
--quick    tiny rounds that only show that everything works; nothing is written or judged
--profile  CPU profiles of API and worker go there; nothing is written or judged
`;

process.exitCode = await main(process.argv.slice(2));

/** Measures, prints, writes docs/benchmarks.md and bench/last.json. Answers 1 when a ratio fell too far, 2 for bad usage. */
async function main(args: readonly string[]): Promise<number> {
  const asked = readArguments(args);
  if (asked === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  const loadBefore = loadavg()[0]!;
  const results: Result[] = [];
  for (const name of asked.rows) {
    for (const result of await measureRow(name, asked.plan)) {
      say(resultLine(result));
      results.push(result);
    }
  }
  return asked.written ? await report(results, loadBefore) : 0;
}

async function report(results: readonly Result[], loadBefore: number): Promise<number> {
  const committed = await readCommitted(ROOT);
  const about = {
    at: new Date().toISOString(),
    commit: await describeCommit(ROOT),
    machine: await describeMachine(),
    loadBefore,
  };
  const kept = await keep(
    ROOT,
    results.map((result) => ({ ...result, ...about })),
  );
  await writeFile(join(ROOT, 'docs', 'benchmarks.md'), benchmarksPage(kept));
  const fallen = judge(results, committed).filter(({ passed }) => !passed);
  for (const { id, now, before } of fallen) {
    say(`${id}: the ratio fell to ${now.toFixed(2)}; ${before?.toFixed(2)} was committed`);
  }
  say('written: docs/benchmarks.md, bench/last.json');
  return fallen.length > 0 ? 1 : 0;
}

function readArguments(args: readonly string[]): { rows: RowName[]; plan: Plan; written: boolean } | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: { quick: { type: 'boolean', default: false }, profile: { type: 'string' } },
      allowPositionals: true,
    });
    const rows = ROWS.filter((name) => positionals.length === 0 || positionals.includes(name));
    if (positionals.some((name) => !(ROWS as readonly string[]).includes(name))) return null;
    const profile = values.profile === undefined ? null : resolve(values.profile);
    return {
      rows,
      plan: { ...(values.quick ? QUICK : FULL), profile },
      written: !values.quick && profile === null,
    };
  } catch {
    // Whatever parseArgs refuses is told by the usage.
    return null;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
