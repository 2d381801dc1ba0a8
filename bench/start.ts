import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startProcess, type TestProcess } from '@songmill/shared/testing/processes';
import type { TestRedis } from '@songmill/shared/testing/redis';
import { API_KEY, CONCURRENCY, SONG_BYTES } from './sample.ts';
import { until } from './until.ts';

const FLOOR_ACCEPT = fileURLToPath(new URL('./floors/accept.ts', import.meta.url));
const FLOOR_FINISH = fileURLToPath(new URL('./floors/finish.ts', import.meta.url));
const FLOOR_BROADCAST = fileURLToPath(new URL('./floors/broadcast.ts', import.meta.url));
const FLOOR_WEBHOOKS = fileURLToPath(new URL('./floors/webhooks.ts', import.meta.url));
const RECEIVER = fileURLToPath(new URL('./receivers/canned.ts', import.meta.url));
const CANNED = fileURLToPath(new URL('./upstream/canned.ts', import.meta.url));

/** Webhooks may go to this machine. */
const OUR_RECEIVER = { WEBHOOK_ALLOW: '127.0.0.1/32' };

/**
 * Everything that is not named here has its default, the log level too.
 *
 * @param folder that of the worker, which takes no other storage than the API's
 */
export function startApi(redis: TestRedis, profile: string | null, folder?: string): Promise<TestProcess> {
  const storage = folder === undefined ? {} : { STORAGE_URL: `file:${folder}/songs` };
  return startProcess({
    name: 'api',
    main: 'packages/api/dist/main.js',
    env: { REDIS_URL: redis.url, API_PORT: '0', API_KEY, ...OUR_RECEIVER, ...storage },
    execArgv: profiling(profile),
  });
}

/** Rate and concurrency of the upstream are unlimited, because what is measured is us. */
export function startWorker(options: {
  readonly redis: TestRedis;
  readonly upstream: TestProcess;
  /** Where songs and spool go. */
  readonly folder: string;
  readonly profile: string | null;
  readonly concurrency?: number;
  /** Settings over those of the other rows. */
  readonly env?: Readonly<Record<string, string>>;
}): Promise<TestProcess> {
  const { redis, upstream, folder, profile, concurrency = CONCURRENCY, env = {} } = options;
  return startProcess({
    name: 'worker',
    main: 'packages/worker/dist/main.js',
    env: {
      REDIS_URL: redis.url,
      UPSTREAM_BASE_URL: upstream.url,
      UPSTREAM_API_KEY: 'bench-upstream-key',
      UPSTREAM_RATE_PER_MINUTE: '0',
      UPSTREAM_MAX_CONCURRENCY: '0',
      WORKER_CONCURRENCY: String(concurrency),
      STORAGE_URL: `file:${folder}/songs`,
      SPOOL_DIR: `${folder}/spool`,
      ...OUR_RECEIVER,
      ...env,
    },
    execArgv: profiling(profile),
  });
}

export function startAcceptFloor(redis: TestRedis): Promise<TestProcess> {
  return startProcess({ name: 'floor', main: FLOOR_ACCEPT, env: { REDIS_SOCKET: redis.socket } });
}

export function startBroadcastFloor(): Promise<TestProcess> {
  return startProcess({ name: 'floor', main: FLOOR_BROADCAST, env: {} });
}

export function startFinishFloor(options: {
  readonly redis: TestRedis;
  readonly upstream: TestProcess;
  readonly folder: string;
  readonly durable: boolean;
}): Promise<TestProcess> {
  return startProcess({
    name: 'floor',
    main: FLOOR_FINISH,
    env: {
      REDIS_SOCKET: options.redis.socket,
      UPSTREAM_URL: options.upstream.url,
      SONGS: options.folder,
      CONCURRENCY: String(CONCURRENCY),
      SYNC: options.durable ? '1' : '0',
    },
  });
}

/** @param options.hold every call waits for `releaseAnswers` */
export function startCannedUpstream(
  options: { readonly songBytes?: number; readonly hold?: boolean } = {},
): Promise<TestProcess> {
  const { songBytes = SONG_BYTES, hold = false } = options;
  return startProcess({
    name: 'upstream',
    main: CANNED,
    env: { SONG_BYTES: String(songBytes), HOLD: hold ? '1' : '0' },
  });
}

/** @param bodies file with a JSON list of what to send */
export function startWebhookFloor(options: {
  readonly receiver: TestProcess;
  readonly bodies: string;
  readonly concurrency: number;
  /** A connection for each request. */
  readonly fresh: boolean;
}): Promise<TestProcess> {
  const { receiver, bodies, concurrency, fresh } = options;
  return startProcess({
    name: 'floor',
    main: FLOOR_WEBHOOKS,
    env: { RECEIVER_URL: receiver.url, BODIES: bodies, CONCURRENCY: String(concurrency), FRESH: fresh ? '1' : '0' },
  });
}

/** @param timed it notes how long after its event each webhook came */
export function startCannedReceiver(timed: boolean): Promise<TestProcess> {
  return startProcess({ name: 'receiver', main: RECEIVER, env: { TIMED: timed ? '1' : '0' } });
}

/** How many webhooks it took so far, and of each since the last look how many ms after its event it came. */
export async function receivedBy(receiver: TestProcess): Promise<{ taken: number; delays: number[] }> {
  const answer = await fetch(receiver.url);
  return (await answer.json()) as { taken: number; delays: number[] };
}

/** The simulator, for rows in which songs take their time. */
export function startSimulator(folder: string, timeScale: number): Promise<TestProcess> {
  return startProcess({
    name: 'simulator',
    main: 'packages/simulator/dist/main.js',
    env: {
      SIMULATOR_PORT: '0',
      SIMULATOR_TIME_SCALE: String(timeScale),
      SIMULATOR_LEDGER: join(folder, 'ledger.jsonl'),
    },
  });
}

/** How many calls have come whole to the canned upstream, and when the last one began to come, in ms of the clock. */
export async function callsSeen(upstream: TestProcess): Promise<{ calls: number; lastAt: number }> {
  const answer = await fetch(upstream.url);
  return (await answer.json()) as { calls: number; lastAt: number };
}

/** How many calls the canned upstream has answered or, when it holds them, has got. */
export async function callsAnswered(upstream: TestProcess): Promise<number> {
  return (await callsSeen(upstream)).calls;
}

/** Answers every call that waits, once `count` calls wait or were answered since the upstream started. */
export async function releaseAnswers(upstream: TestProcess, count: number, meanwhile = () => {}): Promise<void> {
  await until(`${count} calls at the upstream`, async () => {
    meanwhile();
    return (await callsAnswered(upstream)) >= count;
  });
  await fetch(`${upstream.url}/release`, { method: 'POST' });
}

/** Ends it as an operator would; a process that does not leave cleanly spoils what it measured. */
export async function stopCleanly(started: TestProcess): Promise<void> {
  const { code, signal } = await started.stop();
  if (code !== 0) throw new Error(`${started.name} ended with ${signal ?? code}:\n${started.output().slice(-4000)}`);
}

function profiling(folder: string | null): string[] {
  return folder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`];
}
