import { spawn } from 'node:child_process';
import os from 'node:os';
import { identify } from './process-identity.mjs';
import { startSupervisor } from './supervisor.mjs';

const GRACE_MS = 15_000;

/**
 * Runs a command on this terminal, in a process group of its own, to its end. It gets one signal when the launcher is
 * told to stop, and does not outlive the launcher.
 *
 * @param {string[]} command
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, stop: ReturnType<import('./stop-requests.mjs').stopRequests> }} options
 * @returns {Promise<number>} its exit code
 */
export async function runSupervised([command, ...args], { cwd, env, stop }) {
  stop.signal.throwIfAborted();
  const supervisor = startSupervisor({ env });
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? 128 + (os.constants.signals[signal] ?? 0)));
  });
  const pid = child.pid ?? 0;
  if (pid !== 0) supervisor.add({ ...identify(pid), name: command, wave: 1, graceMs: GRACE_MS });
  const onStop = () => void supervisor.stop();
  stop.signal.addEventListener('abort', onStop, { once: true });
  stop.now.addEventListener('abort', () => supervisor.insist(), { once: true });
  try {
    const code = await exited;
    return stop.signal.aborted ? stop.exitCode : code;
  } finally {
    stop.signal.removeEventListener('abort', onStop);
    supervisor.remove(pid);
    await supervisor.stop();
  }
}
