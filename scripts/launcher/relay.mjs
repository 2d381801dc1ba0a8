import { spawn } from 'node:child_process';
import os from 'node:os';

const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * Runs the rest of the launcher under another Node and passes signals and the exit code through. A Ctrl-C reaches
 * both processes and is forwarded too; the inner one counts signals that arrive together as one (stop-requests.mjs).
 *
 * @param {string} node path of the Node to use
 * @param {string[]} args
 * @returns {Promise<number>} its exit code
 */
export function runUnder(node, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, args, { stdio: 'inherit' });
    const forward = (signal) => child.kill(signal);
    for (const signal of FORWARDED) process.on(signal, forward);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const name of FORWARDED) process.removeListener(name, forward);
      resolve(code ?? 128 + (os.constants.signals[signal] ?? 0));
    });
  });
}
