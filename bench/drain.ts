import { setTimeout as delay } from 'node:timers/promises';
import { cpuEach, cpuTimeOf, type Round } from './cpu-time.ts';

const LOOK_EVERY_MS = 10;
const LIMIT_MS = 300_000;
/** The first part is not measured: code is not compiled yet, connections are not made. */
const RUN_IN = 0.1;

/**
 * How many a second get done, from the time a tenth is done to the time all are.
 *
 * @param done how many are done now
 * @param pids whose processor time is told
 * @throws Error when they are not all done in five minutes
 */
export async function rateOfDraining(
  total: number,
  done: () => Promise<number>,
  pids: readonly number[] = [],
): Promise<Round> {
  const limit = performance.now() + LIMIT_MS;
  let from: { at: number; count: number; cpu: number | null } | null = null;
  for (;;) {
    const count = await done();
    const at = performance.now();
    const cpu = cpuTimeOf(pids);
    if (from === null && count >= total * RUN_IN && count < total) from = { at, count, cpu };
    if (count >= total) {
      if (from === null) throw new Error(`all ${total} were done at the first look: measure more of them`);
      const measured = total - from.count;
      return { perSecond: (measured * 1000) / (at - from.at), cpuMicros: cpuEach(from.cpu, cpu, measured) };
    }
    if (at > limit) throw new Error(`only ${count} of ${total} were done in ${LIMIT_MS / 1000} s`);
    await delay(LOOK_EVERY_MS);
  }
}
