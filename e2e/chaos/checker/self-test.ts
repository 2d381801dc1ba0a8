import { startRedis } from '@songmill/shared/testing/redis';
import type { RunLeft, Verdict } from '../types.ts';
import { checkRun } from './check-run.ts';
import { FORGERIES } from './forge/forgeries.ts';
import { honestRun, type RunInTheMaking } from './forge/honest-run.ts';

export interface SelfTestResult {
  /** What was forged, or that nothing was. */
  readonly name: string;
  /** The invariant that has to object; null for the honest run, to which none may. */
  readonly invariant: string | null;
  readonly caught: boolean;
  /** What the checker said. */
  readonly said: readonly string[];
}

/** Proves that the checker objects to every forged run by the right invariant, and to an honest one not at all. */
export async function selfTest(): Promise<SelfTestResult[]> {
  const redis = await startRedis();
  try {
    const honest = await verdictOn(redis.url, 'honest', async () => undefined);
    const results = [resultOf('an honest run passes', null, honest)];
    for (const [i, { name, invariant, forge }] of FORGERIES.entries()) {
      results.push(resultOf(name, invariant, await verdictOn(redis.url, `forged${i}`, forge)));
    }
    return results;
  } finally {
    await redis.stop();
  }
}

/** The checker's word on a run that is honest but for what `forge` did to it. */
export async function verdictOn(
  redisUrl: string,
  prefix: string,
  forge: (run: RunInTheMaking) => Promise<unknown>,
  limits: Partial<RunLeft['limits']> = {},
): Promise<Verdict> {
  const run = await honestRun(redisUrl, prefix);
  try {
    await forge(run);
    return await checkRun({ ...run.left, limits: { ...run.left.limits, ...limits } });
  } finally {
    await run.close();
  }
}

function resultOf(name: string, invariant: string | null, { violations }: Verdict): SelfTestResult {
  const caught = invariant === null ? violations.length === 0 : violations.some((each) => each.invariant === invariant);
  return { name, invariant, caught, said: violations.map((each) => `${each.invariant}: ${each.message}`) };
}
