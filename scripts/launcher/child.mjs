import { spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LauncherError } from './failure.mjs';
import { identify } from './process-identity.mjs';

const LOOK_MS = 25;
const LISTENS_WITHIN_MS = 120_000;

/**
 * How to start one process.
 * @typedef {{ name: string, command: string, args: string[], env: NodeJS.ProcessEnv, cwd: string, log: string,
 *   wave: number, graceMs: number }} ChildSpec
 */

/** Keeps the log of the run before this one as `<log>.1`. */
export function rotateLog(log) {
  mkdirSync(path.dirname(log), { recursive: true });
  if (existsSync(log)) renameSync(log, `${log}.1`);
}

/**
 * Starts a process in a group of its own, so that a Ctrl-C on the terminal does not reach it. It writes straight into
 * its log file and not into a pipe of ours: should the launcher be killed, it can still drain and say so.
 *
 * @param {ChildSpec} spec
 * @param {ReturnType<import('./supervisor.mjs').startSupervisor>} supervisor
 */
export function startChild(spec, supervisor) {
  const log = openSync(spec.log, 'a', 0o600);
  const from = fstatSync(log).size;
  const child = spawn(spec.command, spec.args, {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const exited = new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, error }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const pid = child.pid ?? 0;
  if (pid !== 0) supervisor.add({ ...identify(pid), name: spec.name, wave: spec.wave, graceMs: spec.graceMs });
  let ended = false;
  void exited.then(() => {
    ended = true;
    supervisor.remove(pid);
  });
  return { pid, exited, hasEnded: () => ended, output: () => readFrom(spec.log, from) };
}

/**
 * The URL of a process's "listening" line.
 *
 * @param {{ hasEnded(): boolean, output(): string }} child
 * @param {AbortSignal} signal
 * @returns {Promise<string | null>} null when it ended without one
 * @throws {LauncherError} when it runs on without saying so
 */
export async function listeningUrl(child, signal) {
  const until = performance.now() + LISTENS_WITHIN_MS;
  for (;;) {
    const ended = child.hasEnded();
    for (const line of child.output().split('\n')) {
      const url = line.includes('"listening"') ? urlIn(line) : null;
      if (url !== null) return url;
    }
    if (ended) return null;
    if (performance.now() > until) {
      const lines = lastLines(child.output()).join('\n');
      throw new LauncherError(`a process has not begun to listen within ${LISTENS_WITHIN_MS / 1000} s:\n${lines}`);
    }
    await sleep(LOOK_MS, undefined, { signal });
  }
}

/** The last lines a process wrote, cut to a readable width. */
export function lastLines(output, count = 6) {
  const lines = output.trimEnd().split('\n').filter(Boolean).slice(-count);
  return lines.map((line) => `    ${line.length > 400 ? `${line.slice(0, 400)}…` : line}`);
}

function urlIn(line) {
  try {
    const record = JSON.parse(line);
    return record.msg === 'listening' && typeof record.url === 'string' ? record.url : null;
  } catch {
    return null; // Half a line, or not ours.
  }
}

/** What a file holds from an offset on; only its last 256 kB when it is larger. */
function readFrom(file, from) {
  const most = 262_144;
  let handle;
  try {
    handle = openSync(file, 'r');
  } catch (error) {
    if (error.code === 'ENOENT') return '';
    throw error;
  }
  try {
    const size = fstatSync(handle).size;
    const start = Math.max(from, size - most);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    const read = readSync(handle, buffer, 0, buffer.length, start);
    return buffer.toString('utf8', 0, read);
  } finally {
    closeSync(handle);
  }
}
