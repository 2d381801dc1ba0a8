import { setTimeout as sleep } from 'node:timers/promises';
import { lastLines, rotateLog, startChild } from './child.mjs';
import { LauncherError } from './failure.mjs';

const QUICK_MS = 10_000;
const QUICK_DEATHS = 5;
const EXIT_BAD_SETTINGS = 78;

/** Wait before restart number n (from 1): 0.5 s, doubling, at most 8 s. */
export function restartDelay(n) {
  return Math.min(500 * 2 ** (n - 1), 8000);
}

/**
 * Starts a process and keeps it running until `stop`: an unexpected end is told with its last lines, and it is
 * started again after a growing pause. Five ends in a row, each within ten seconds of the start, or a complaint about
 * the settings, are given up on.
 *
 * @template T
 * @param {{ name: string, spec(previous: T | null): import('./child.mjs').ChildSpec,
 *   ready(child: ReturnType<typeof startChild>, signal: AbortSignal): Promise<T | null> }} service `ready` gives what
 *   the others need to know (a URL), or null when the child ended first
 * @param {{ supervisor: ReturnType<import('./supervisor.mjs').startSupervisor>, signal: AbortSignal,
 *   say(line: string): void, giveUp(error: Error): void }} context
 * @returns {Promise<T>} resolves at the first time it is ready; rejects when it never will be
 */
export function keepRunning(service, { supervisor, signal, say, giveUp }) {
  return new Promise((resolve, reject) => {
    let up = null;
    const fail = (error) => {
      reject(error);
      if (!signal.aborted) giveUp(error);
    };

    async function run() {
      let quick = 0;
      for (let restarts = 0; !signal.aborted; restarts++) {
        const spec = service.spec(up);
        if (restarts === 0) rotateLog(spec.log);
        const began = performance.now();
        const child = startChild(spec, supervisor);
        const isReady = service.ready(child, signal).then((value) => {
          if (value === null) return;
          up = value;
          resolve(value);
          if (restarts > 0) say(`${service.name} runs again`);
        });
        // One that runs and is never ready is a failure too; a stop meanwhile is none.
        isReady.catch(fail);
        const end = await child.exited;
        if (signal.aborted) return;
        await isReady;
        quick = performance.now() - began < QUICK_MS ? quick + 1 : 0;
        say(`${service.name} ended unexpectedly (${describe(end)}); its last lines in ${spec.log}:`);
        for (const line of lastLines(child.output())) say(line);
        if (end.code === EXIT_BAD_SETTINGS) throw new LauncherError(`${service.name} refuses its settings (see above)`);
        if (quick >= QUICK_DEATHS) {
          throw new LauncherError(`${service.name} ended ${QUICK_DEATHS} times in a row right after its start`);
        }
        const pause = restartDelay(Math.max(quick, 1));
        say(`${service.name} starts again in ${pause / 1000} s`);
        await sleep(pause, undefined, { signal });
      }
    }
    run().then(() => reject(signal.reason), fail);
  });
}

function describe({ code, signal, error }) {
  if (error) return error.message;
  return code === null ? `by ${signal}` : `exit code ${code}`;
}
