import { setTimeout as sleep } from 'node:timers/promises';
import { runs } from './process-identity.mjs';

const LOOK_MS = 25;
const INSIST_MS = 1500;

/**
 * A process to stop. Waves go one after the other, the lowest first; `graceMs` is how long it may take.
 * @typedef {import('./process-identity.mjs').Identity & { name: string, wave: number, graceMs: number }} Managed
 */

/**
 * Stops processes in the order of their waves: one SIGTERM each, then patience, then SIGKILL for the whole group.
 *
 * @param {Managed[]} processes leaders of process groups of their own
 * @param {AbortSignal} now aborted when patience is over: a second SIGTERM, and SIGKILL soon after
 */
export async function stopInOrder(processes, now) {
  const waves = [...new Set(processes.map(({ wave }) => wave))].sort((a, b) => a - b);
  for (const wave of waves) {
    await Promise.all(processes.filter((process) => process.wave === wave).map((process) => stopOne(process, now)));
  }
}

async function stopOne(target, now) {
  if (!runs(target)) return;
  send(target.pid, 'SIGTERM');
  if (!(await gone(target, target.graceMs, now))) {
    // Our processes take the second signal as "at once"; Redis still gets the time to write its file.
    if (now.aborted) {
      send(target.pid, 'SIGTERM');
      await gone(target, INSIST_MS);
    }
    if (runs(target)) send(-target.pid, 'SIGKILL');
    await gone(target, INSIST_MS);
  }
}

/** Whether it ended within `ms`; stops waiting early when `now` is aborted. */
async function gone(target, ms, now) {
  const until = performance.now() + ms;
  while (runs(target)) {
    if (now?.aborted || performance.now() > until) return false;
    await sleep(LOOK_MS);
  }
  return true;
}

function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // Ended between the look and the signal.
  }
}
