import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeLock } from './lock.mjs';
import { stopInOrder } from './orderly-stop.mjs';
import { runs } from './process-identity.mjs';

/**
 * Makes this run the only one that serves from a data folder. Two Redis servers on one file would destroy it, so a
 * run that takes over from a killed one first waits until nothing of that is left.
 *
 * @param {{ data: string, report: ReturnType<import('./report.mjs').createReport>, signal: AbortSignal }} context
 * @returns {Promise<ReturnType<typeof takeLock>>}
 */
export async function takeDataLock({ data, report, signal }) {
  const lock = takeLock(path.join(data, 'songmill.lock'), { url: null, watchdog: null, children: [] });
  if (!lock.taken || lock.previous === null) return lock;
  const { watchdog, children } = lock.previous;
  try {
    if (isIdentity(watchdog) && runs(watchdog)) {
      await report.step('the run before this one was killed; its open paid calls are finished first', async () => {
        while (runs(watchdog)) await sleep(100, undefined, { signal });
      });
    }
    const left = Array.isArray(children) ? children.filter((child) => isIdentity(child) && runs(child)) : [];
    if (left.length > 0) {
      report.say(`stopping what a killed run left behind: ${left.map(({ name }) => name).join(', ')}`);
      await stopInOrder(left, signal);
    }
  } catch (error) {
    lock.release();
    throw error;
  }
  return lock;
}

/** What to tell somebody who starts a second time. */
export function alreadyRuns({ pid, url, started_at }) {
  if (typeof url === 'string') return `Songmill already serves at ${url} (process ${pid}, since ${started_at})`;
  return `another npm start (process ${pid}, since ${started_at}) is starting or stopping; it has no URL yet`;
}

function isIdentity(value) {
  return Number.isInteger(value?.pid) && typeof value.start === 'string';
}
