import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { mustBeEnded } from './leftovers.ts';
import { findProgram, tiedToUs } from './programs.ts';

export interface TestRedisOptions {
  /** When Redis forces its log to disk; `everysec` is the fast default, `always` is what we ship. */
  readonly appendfsync?: 'always' | 'everysec' | 'no';
  /** More command line, e.g. `['--maxmemory', '20mb']`. */
  readonly args?: readonly string[];
}

/** A private Redis of one test file. */
export interface TestRedis {
  /** `unix:///…`, for REDIS_URL. */
  readonly url: string;
  readonly socket: string;
  /** Pid of the present server; a restart changes it. */
  readonly pid: number;
  /** Sends the signal (SIGKILL by default); waits for the end of the process unless it is SIGSTOP or SIGCONT. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again, on the same data and socket; ends it first if it still runs. Resolves when it answers. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const START_LIMIT_MS = 60_000;

/**
 * Starts a real, private redis-server or valkey-server on a unix socket in a folder of its own:
 * append-only log, no snapshots, `noeviction`. Resolves when it answers PING.
 * @throws Error when neither program is on PATH or it ends before it answers (with its output)
 */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const program = findProgram('redis-server', 'valkey-server');
  if (program === undefined) throw new Error('neither redis-server nor valkey-server is on PATH');
  // A unix socket's path holds at most 107 bytes, so the folder's name is short.
  const dir = mkdtempSync(join(tmpdir(), 'sgm-'));
  const socket = join(dir, 'r.sock');
  const server = tiedToUs(program, [
    ...['--port', '0', '--unixsocket', socket, '--dir', dir, '--save', ''],
    ...['--appendonly', 'yes', '--appendfsync', options.appendfsync ?? 'everysec'],
    ...['--maxmemory-policy', 'noeviction', '--daemonize', 'no', ...(options.args ?? [])],
  ]);
  let child = await launch(server, socket, dir).catch((error: unknown) => {
    rmSync(dir, { recursive: true, force: true });
    throw error;
  });
  const ended = mustBeEnded(`redis ${socket}`, () => {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
  async function kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (hasEnded(child)) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') await exit;
  }
  return {
    url: `unix://${socket}`,
    socket,
    get pid() {
      return child.pid!;
    },
    kill,
    async restart() {
      await kill('SIGKILL');
      child = await launch(server, socket, dir);
    },
    async stop() {
      await kill('SIGKILL');
      rmSync(dir, { recursive: true, force: true });
      ended();
    },
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function launch(server: { command: string; args: string[] }, socket: string, dir: string): Promise<ChildProcess> {
  // A killed server leaves its socket file; without it nobody can mistake the old for the new.
  rmSync(socket, { force: true });
  const child = spawn(server.command, server.args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let fault: Error | undefined;
  child.on('error', (error) => (fault = error));
  const limit = Date.now() + START_LIMIT_MS;
  while (!(await answersPing(socket))) {
    if (fault !== undefined) throw fault;
    if (hasEnded(child) || Date.now() > limit) {
      child.kill('SIGKILL');
      throw new Error(`${server.args.join(' ')} did not get ready:\n${output}`);
    }
    await delay(10);
  }
  return child;
}

/** One PING on a connection of its own; false while nobody listens or the log is still being loaded. */
function answersPing(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socket);
    const end = (answer: boolean) => {
      probe.destroy();
      resolve(answer);
    };
    probe.on('connect', () => probe.write('PING\r\n'));
    probe.on('data', (chunk) => end(chunk.toString().startsWith('+PONG')));
    probe.on('error', () => end(false));
    probe.on('close', () => resolve(false));
  });
}
