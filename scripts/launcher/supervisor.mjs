import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stopInOrder } from './orderly-stop.mjs';
import { identify } from './process-identity.mjs';

const WATCHDOG = fileURLToPath(new URL('watchdog.mjs', import.meta.url));

/**
 * The launcher's side of the watchdog: knows every child, and has them stopped.
 *
 * @param {{ env: NodeJS.ProcessEnv, onChange?: () => void }} options `env` for the watchdog; `onChange` after each
 *   child that comes or goes
 */
export function startSupervisor({ env, onChange = () => {} }) {
  /** @type {Map<number, import('./orderly-stop.mjs').Managed>} */
  const processes = new Map();
  const now = new AbortController();
  const watchdog = spawn(process.execPath, [WATCHDOG], { detached: true, stdio: ['pipe', 'ignore', 'inherit'], env });
  const ended = new Promise((resolve) => {
    watchdog.once('exit', resolve);
    watchdog.once('error', resolve);
  });
  // A watchdog that was killed shows as a broken pipe; `stop` then does its work itself.
  watchdog.stdin.on('error', () => {});
  const tell = (message) => {
    if (watchdog.stdin.writable) watchdog.stdin.write(`${JSON.stringify(message)}\n`);
  };
  let stopped = null;

  return {
    identity: identify(watchdog.pid ?? 0),
    /** Resolves when the watchdog has ended, which it does by itself only when told or when killed. */
    ended,
    /** @param {import('./orderly-stop.mjs').Managed} managed */
    add(managed) {
      processes.set(managed.pid, managed);
      tell({ add: managed });
      onChange();
    },
    remove(pid) {
      processes.delete(pid);
      tell({ remove: pid });
      onChange();
    },
    /** @param {string} folder to delete at the end */
    deleteAtTheEnd(folder) {
      tell({ folder });
    },
    list: () => [...processes.values()],
    /** Stops all children in order and resolves when none runs. Safe to call twice. */
    stop() {
      stopped ??= (async () => {
        tell({ stop: true });
        await ended;
        await stopInOrder([...processes.values()], now.signal);
      })();
      return stopped;
    },
    /** Ends the patience of a stop under way. */
    insist() {
      now.abort();
      tell({ now: true });
    },
  };
}
