import { spawn } from 'node:child_process';
import { LauncherError } from './failure.mjs';

const KEPT = 20_000;

/**
 * Runs a set-up command to its end. Its output is kept back and shown only when it fails.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, signal?: AbortSignal, env?: NodeJS.ProcessEnv }} options `signal` ends it with SIGTERM
 * @returns {Promise<string>} what it wrote to stdout
 * @throws {LauncherError} when it cannot be started or exits with anything but 0
 */
export function runCommand(command, args, { cwd, signal, env = process.env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let all = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      all = (all + text).slice(-KEPT);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      all = (all + text).slice(-KEPT);
    });
    const end = () => child.kill('SIGTERM');
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    child.once('error', (error) => reject(new LauncherError(`cannot run ${command}: ${error.message}`)));
    child.once('close', (code, killedBy) => {
      signal?.removeEventListener('abort', end);
      if (code === 0) resolve(stdout);
      else {
        const how = code === null ? `was ended by ${killedBy}` : `exited with ${code}`;
        reject(new LauncherError(`${all.trimEnd()}\n\`${[command, ...args].join(' ')}\` ${how}`));
      }
    });
  });
}
