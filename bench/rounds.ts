/** The middle of several measurements, with the two ends that it lies between. */
export interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

/** @throws RangeError for no value, or one that is not a finite number above 0 */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0 || !values.every((value) => Number.isFinite(value) && value > 0)) {
    throw new RangeError(`not measurements: ${values.join(', ')}`);
  }
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half]!;
  const median = sorted.length % 2 === 1 ? upper : (sorted[half - 1]! + upper) / 2;
  return { median, lowest: sorted[0]!, highest: sorted.at(-1)! };
}

/**
 * Our measurements over the floor's, round by round, because rounds next to each other share what
 * else the machine is doing. The headline is the ratio of the two medians.
 */
export function ratioOf(ours: readonly number[], floor: readonly number[]): Spread {
  const pairs = spreadOf(ours.map((value, round) => value / floor[round]!));
  return { ...pairs, median: spreadOf(ours).median / spreadOf(floor).median };
}

/** Runs every side once per round, in turn, and answers what each side gave, by round. */
export async function takeTurns<Side extends string, Given>(
  rounds: number,
  sides: Readonly<Record<Side, () => Promise<Given>>>,
): Promise<Record<Side, Given[]>> {
  const names = Object.keys(sides) as Side[];
  const given = Object.fromEntries(names.map((name) => [name, [] as Given[]])) as Record<Side, Given[]>;
  for (let round = 0; round < rounds; round++) {
    for (const name of names) given[name].push(await sides[name]());
  }
  return given;
}
