import os from 'node:os';
import { ancestorsUpToNpm, runs } from './process-identity.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const TOGETHER_MS = 500;
const WATCH_MS = 250;

/**
 * Everything that can ask the launcher to stop: signals, and the death of the npm that runs it. One Ctrl-C arrives
 * up to three times (terminal, npm, the launcher's older half), so signals within half a second are one request; a
 * later one means "at once".
 */
export function stopRequests() {
  const asked = new AbortController();
  const insisted = new AbortController();
  let exitCode = 130;
  let last = 0;

  const onSignal = (name) => {
    const together = performance.now() - last < TOGETHER_MS && last !== 0;
    last = performance.now();
    if (together) return;
    if (asked.signal.aborted) {
      insisted.abort();
      return;
    }
    exitCode = 128 + os.constants.signals[name];
    asked.abort(new Error(name));
  };
  const ancestors = ancestorsUpToNpm();
  const watch = setInterval(() => {
    if (!ancestors.every(runs) && !asked.signal.aborted) {
      exitCode = 143;
      last = performance.now();
      asked.abort(new Error('npm has ended'));
    }
  }, WATCH_MS);
  watch.unref();
  const handlers = SIGNALS.map((name) => /** @type {const} */ ([name, () => onSignal(name)]));
  for (const [name, handler] of handlers) process.on(name, handler);

  return {
    /** Aborted by the first request. */
    signal: asked.signal,
    /** Aborted by the second: stop at once. */
    now: insisted.signal,
    get exitCode() {
      return exitCode;
    },
    release() {
      clearInterval(watch);
      for (const [name, handler] of handlers) process.removeListener(name, handler);
    },
  };
}
