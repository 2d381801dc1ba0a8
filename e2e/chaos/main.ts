import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeCommit, describeMachine } from '@songmill/shared/testing/machine';
import { ROOT } from '@songmill/shared/testing/processes';
import { type Asked, readArguments, USAGE } from './arguments.ts';
import { selfTest } from './checker/self-test.ts';
import { possibleKinds } from './kinds.ts';
import { type About, keep } from './last.ts';
import { type MixedRun, runMixed } from './mixed-run.ts';
import { reliabilityPage } from './report.ts';
import { runRows } from './run-rows.ts';
import { runText } from './run-text.ts';
import type { RowResult } from './types.ts';

// `exit` ends whatever a run has started.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}
process.exitCode = await main(process.argv.slice(2));

/** Prints what was killed, lost and paid twice. Answers 1 when anything did not hold, 2 for bad usage. */
async function main(args: readonly string[]): Promise<number> {
  const asked = readArguments(args);
  if (asked === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  if (asked.what === 'self-test') return testChecker();
  const about = { at: new Date().toISOString(), commit: await describeCommit(ROOT), machine: await describeMachine() };
  const runs = asked.what === 'mixed' ? await mixedRuns(asked) : [];
  const rows = asked.what === 'rows' ? await runRows(asked.rows, asked.seeds[0]!, say) : [];
  if (asked.report) await report(runs, rows, about);
  const failed = runs.some((run) => run.failures.length > 0) || rows.some(({ passed, skipped }) => !passed && !skipped);
  return failed ? 1 : 0;
}

async function mixedRuns({ seeds, jobs, faults }: Asked): Promise<MixedRun[]> {
  const kinds = possibleKinds(say);
  const runs: MixedRun[] = [];
  for (const seed of seeds) {
    say(`seed ${seed}: at least ${jobs} songs, ${faults} effective faults`);
    const run = await runMixed({ seed, jobs, faults, kinds, log: say });
    say(runText(run));
    runs.push(run);
  }
  return runs;
}

async function testChecker(): Promise<number> {
  const results = await selfTest();
  for (const { name, invariant, caught } of results) say(`${caught ? 'ok    ' : 'MISSED'} ${invariant ?? ''} ${name}`);
  const missed = results.filter(({ caught }) => !caught).length;
  say(`${results.length - missed} as they should be, ${missed} missed`);
  return missed === 0 ? 0 : 1;
}

async function report(runs: readonly MixedRun[], rows: readonly RowResult[], about: About): Promise<void> {
  const kept = await keep(ROOT, { runs, rows, about });
  await writeFile(join(ROOT, 'docs', 'reliability.md'), reliabilityPage(kept));
  say('written: docs/reliability.md, e2e/chaos/last.json');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
