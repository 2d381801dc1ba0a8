import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { mustBeEnded } from '@songmill/shared/testing/leftovers';
import { ROOT } from '@songmill/shared/testing/processes';

export interface CommandRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly ended: Promise<CommandRun>;
  /** Resolves when it has said this on stderr. */
  saidOnStderr(text: string | RegExp): Promise<void>;
  interrupt(): void;
}

export interface CommandOptions {
  /** All that it gets besides PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
}

/** Starts the real binary `songmill`. */
export function startSongmill(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  const child = spawn(process.execPath, [join(ROOT, 'packages/client/bin/songmill.mjs'), ...args], {
    cwd: options.cwd ?? '/',
    env: { PATH: process.env['PATH'], ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const forget = mustBeEnded(`songmill ${args.join(' ')}`, () => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  const listeners = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const listener of listeners) listener();
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.stdin ?? '');
  const ended = once(child, 'close').then(([code]) => {
    forget();
    return { code: code as number | null, stdout, stderr };
  });
  return {
    ended,
    saidOnStderr: (text) =>
      new Promise((resolve, reject) => {
        const look = () => stderr.search(text) >= 0 && resolve();
        listeners.add(look);
        look();
        void ended.then((run) => reject(new Error(`it ended first: ${JSON.stringify(run)}`)));
      }),
    interrupt: () => void child.kill('SIGINT'),
  };
}

/** Runs it to its end. */
export function songmill(args: readonly string[], options?: CommandOptions): Promise<CommandRun> {
  return startSongmill(args, options).ended;
}
