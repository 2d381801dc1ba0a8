import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustBeEnded } from './leftovers.ts';
import { tiedToUs } from './programs.ts';

/** The project's root folder, from src/testing and dist/testing alike. */
export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

export interface ProcessOptions {
  /** For messages: `api`, `worker 2`, … */
  readonly name: string;
  /** Script to run, absolute or from the project's root: `packages/api/dist/main.js`. */
  readonly main: string;
  /** The settings. Nothing of our own environment is passed on but PATH, HOME and TMPDIR. */
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Arguments for Node itself, e.g. `['--max-old-space-size=96']`. */
  readonly execArgv?: readonly string[];
  /** Working folder; an own one, removed at the end, when not given, so that `./data` is nobody else's. */
  readonly cwd?: string;
  /** File that all it prints is appended to as it comes, so that it is there however the process ends. */
  readonly log?: string;
  /** How long it may take to say that it listens. */
  readonly limitMs?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface TestProcess {
  readonly name: string;
  readonly pid: number;
  /** The `url` of its line `"msg":"listening"`. */
  readonly url: string;
  readonly cwd: string;
  /** Everything it printed so far, stdout and stderr as they came. */
  output(): string;
  /** Its stdout so far as parsed JSON lines; lines that are none are left out. */
  lines(): Record<string, unknown>[];
  /** SIGTERM, then waits for its end. */
  stop(): Promise<Exit>;
  /** Sends the signal (SIGKILL by default); waits for the end unless it is SIGSTOP or SIGCONT. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  readonly exited: Promise<Exit>;
}

/**
 * Starts one of our built processes and resolves when it prints its JSON line with `"msg":"listening"`
 * and its `url`. It dies with this process; one that a test file leaves running fails that file.
 * @throws Error with the whole output when it ends or stays silent instead
 */
export async function startProcess(options: ProcessOptions): Promise<TestProcess> {
  const ownFolder = options.cwd === undefined ? mkdtempSync(join(tmpdir(), 'sgm-')) : undefined;
  const cwd = options.cwd ?? ownFolder!;
  const { command, args } = tiedToUs(process.execPath, [
    ...(options.execArgv ?? []),
    resolve(ROOT, options.main),
    ...(options.args ?? []),
  ]);
  const inherited = Object.fromEntries(
    ['PATH', 'HOME', 'TMPDIR'].flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
  const child = spawn(command, args, { cwd, env: { ...inherited, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let stdout = '';
  let sawLine = (): void => {};
  const printed = (text: string) => {
    output += text;
    if (options.log !== undefined) appendFileSync(options.log, text);
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed(text);
    stdout += text;
    sawLine();
  });
  child.stderr.setEncoding('utf8').on('data', printed);
  const removeFolder = () => {
    if (ownFolder !== undefined) rmSync(ownFolder, { recursive: true, force: true });
  };
  const ended = mustBeEnded(`process ${options.name}`, () => {
    child.kill('SIGKILL');
    removeFolder();
  });
  // `close`, not `exit`: by then all it printed has arrived.
  const exited = once(child, 'close').then(([code, signal]): Exit => {
    removeFolder();
    ended();
    return { code, signal };
  });
  // Who does not wait for the end must not get an unhandled rejection when the program cannot be run.
  exited.catch(() => {});

  const url = await new Promise<string>((listening, fail) => {
    const giveUp = (why: string) => fail(new Error(`${options.name} ${why}:\n${output}`));
    const limit = setTimeout(() => {
      child.kill('SIGKILL');
      giveUp('did not say that it listens');
    }, options.limitMs ?? 60_000);
    sawLine = () => {
      const line = parseLines(stdout).find((entry) => entry['msg'] === 'listening');
      if (typeof line?.['url'] !== 'string') return;
      sawLine = () => {};
      clearTimeout(limit);
      listening(line['url']);
    };
    exited.then(
      ({ code, signal }) => {
        clearTimeout(limit);
        giveUp(`ended (${signal ?? code}) before it listened`);
      },
      (error: Error) => {
        clearTimeout(limit);
        fail(error);
      },
    );
  });

  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await exited;
  }
  return {
    name: options.name,
    pid: child.pid!,
    url,
    cwd,
    output: () => output,
    lines: () => parseLines(stdout),
    async stop() {
      await kill('SIGTERM');
      return exited;
    },
    kill,
    exited,
  };
}

/** The complete lines that are JSON objects. */
function parseLines(text: string): Record<string, unknown>[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap((line) => {
      try {
        const value: unknown = JSON.parse(line);
        return isObject(value) ? [value] : [];
      } catch {
        return [];
      }
    });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
