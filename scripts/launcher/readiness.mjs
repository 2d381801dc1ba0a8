import { setTimeout as sleep } from 'node:timers/promises';
import { LauncherError } from './failure.mjs';

const WITHIN_MS = 60_000;
const LOOK_MS = 50;

/**
 * Waits until the API says that it can take work.
 *
 * @param {string} url
 * @param {AbortSignal} signal
 * @throws {LauncherError} with its last answer, which names what it cannot reach
 */
export async function becomesReady(url, signal) {
  const until = performance.now() + WITHIN_MS;
  let last = 'no answer';
  while (performance.now() < until) {
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]) });
      last = (await response.text()).slice(0, 2000);
      if (response.ok) return;
    } catch (error) {
      if (signal.aborted) throw error;
      last = String(error.cause ?? error);
    }
    await sleep(LOOK_MS, undefined, { signal });
  }
  throw new LauncherError(`the API at ${url} is not ready after ${WITHIN_MS / 1000} s: ${last}`);
}
