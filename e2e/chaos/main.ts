import { parseArgs } from 'node:util';
import { runMixed } from './mixed-run.ts';
import { possibleKinds } from './kinds.ts';
import { runText } from './run-text.ts';

const USAGE = `usage: npm run chaos -- [--seed 1 | --seeds 1,2,3] [--jobs 500] [--faults 40]
`;

process.exitCode = await main(process.argv.slice(2));

/** Prints what was killed, lost and paid twice. Answers 1 when anything did not hold, 2 for bad usage. */
async function main(args: readonly string[]): Promise<number> {
  const asked = readArguments(args);
  if (asked === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  let failed = false;
  for (const seed of asked.seeds) {
    say(`seed ${seed}: ${asked.jobs} songs, ${asked.faults} faults`);
    const run = await runMixed({ ...asked, seed, kinds: possibleKinds(say), log: say });
    say(runText(run));
    failed ||= run.failures.length > 0;
  }
  return failed ? 1 : 0;
}

function readArguments(args: readonly string[]): { seeds: number[]; jobs: number; faults: number } | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string', default: '1' },
        seeds: { type: 'string' },
        jobs: { type: 'string', default: '500' },
        faults: { type: 'string', default: '40' },
      },
    });
    const seeds = (values.seeds ?? values.seed).split(',').map(Number);
    const [jobs, faults] = [Number(values.jobs), Number(values.faults)];
    return [...seeds, jobs, faults].every((n) => Number.isSafeInteger(n) && n >= 0) ? { seeds, jobs, faults } : null;
  } catch {
    // Whatever parseArgs refuses is told by the usage.
    return null;
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
