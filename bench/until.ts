import { setTimeout as delay } from 'node:timers/promises';

const LIMIT_MS = 300_000;

/**
 * Looks every few ms until it is so.
 * @throws Error, saying what was waited for, after five minutes
 */
export async function until(what: string, isSo: () => Promise<boolean>, everyMs = 10): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`not within ${LIMIT_MS / 1000} s: ${what}`);
    await delay(everyMs);
  }
}
