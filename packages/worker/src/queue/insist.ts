import { setTimeout as wait } from 'node:timers/promises';
import { backoffMs } from './backoff.ts';
import type { WorkerContext } from './context.ts';

const LONGEST_PAUSE_MS = 5000;

/**
 * Repeats a step until it works: one that writes down what a call cost, which must not be left undone because Redis
 * refuses writes for a while. The step may run twice.
 * @throws what the step threw last, when the process has to leave first
 */
export async function insist<T>(context: WorkerContext, id: string, step: () => Promise<T>): Promise<T> {
  const { settings, logger, giveUp } = context;
  for (let failures = 0; ; failures++) {
    try {
      return await step();
    } catch (error) {
      if (giveUp.aborted) throw error;
      logger.warn({ err: error, generation_id: id, failures }, 'a step of a run failed; it is tried again');
      const pause = Math.max(backoffMs(failures, settings.RETRY_BASE_MS, LONGEST_PAUSE_MS), 50);
      await wait(pause, undefined, { signal: giveUp }).catch(() => undefined);
    }
  }
}
