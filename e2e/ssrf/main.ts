import { parseArgs } from 'node:util';
import { compareWithSecondOpinion } from '@songmill/shared/runtime/address/testing/compare';

const USAGE = `usage: npm run ssrf -- [--seeds 10000] [--seed 1] [--cases 12]
Compares what the address guard would connect to with a second implementation, and dials nothing.
--seeds  how many seeds, one after the other
--seed   the first of them; a disagreement names its own, and --seed <it> --seeds 1 shows it again
--cases  attempts made of each seed
`;

process.exitCode = await main(process.argv.slice(2));

/** Answers 0 when the two never disagreed, 1 when they did, 2 for bad usage. */
async function main(args: readonly string[]): Promise<number> {
  const asked = readArguments(args);
  if (asked === null) {
    process.stderr.write(USAGE);
    return 2;
  }
  const { first, seeds, cases } = asked;
  let compared = 0;
  let connected = 0;
  let disagreements = 0;
  for (let seed = first; seed < first + seeds; seed += 1) {
    const found = await compareWithSecondOpinion({ seed, runs: cases });
    compared += found.runs;
    connected += found.connected;
    if (found.disagreement === null) continue;
    disagreements += 1;
    process.stdout.write(`seed ${seed}: ${found.disagreement}\n`);
  }
  process.stdout.write(
    `seeds ${first} to ${first + seeds - 1}: ${compared} cases, ${connected} let through to a connection, ${disagreements} disagreements\n`,
  );
  return disagreements === 0 ? 0 : 1;
}

function readArguments(args: readonly string[]): { first: number; seeds: number; cases: number } | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string', default: '10000' },
        seed: { type: 'string', default: '1' },
        cases: { type: 'string', default: '12' },
      },
    });
    const [first, seeds, cases] = [values.seed, values.seeds, values.cases].map(Number) as [number, number, number];
    const fine = [first, seeds, cases].every((count) => Number.isSafeInteger(count) && count > 0 && count < 2 ** 31);
    return fine ? { first, seeds, cases } : null;
  } catch {
    return null;
  }
}
