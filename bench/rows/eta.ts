import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Generation } from '@songmill/shared/contract/generation';
import type { TestProcess } from '@songmill/shared/testing/processes';
import { startRedis } from '@songmill/shared/testing/redis';
import { Redis } from 'ioredis';
import { call } from '../call.ts';
import type { Plan } from '../plan.ts';
import type { Result } from '../result.ts';
import { spreadOf } from '../rounds.ts';
import { API_KEY, SAMPLE_REQUEST } from '../sample.ts';
import { startApi, startSimulator, startWorker, stopCleanly } from '../start.ts';
import { until } from '../until.ts';

const AIM_PERCENT = 20;
const SLOTS = 3;
/** Finished first, so that there is a time that songs take. */
const FINISHED_BEFORE = 6;
/** A song of 45 s takes 0.45 s. */
const TIME_SCALE = 0.01;

interface Guess {
  readonly path: string;
  readonly key: string;
  readonly readAt: number;
  readonly startsAt: number;
}

/**
 * How far `queue.eta_seconds` is from when a song starts: two projects, three slots, and a pause that
 * the upstream asks for and during which all estimates are read. No floor, and no ratio for the gate:
 * the simulator draws how long each song takes, so the error of a run is chance below what is aimed at.
 */
export async function measureEstimates(plan: Plan): Promise<Result> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const client = new Redis(redis.socket);
  const folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  try {
    const simulator = await startSimulator(folder, TIME_SCALE);
    const api = await startApi(redis, plan.profile, folder);
    const worker = await startWorker({
      ...{ redis, upstream: simulator, folder, profile: plan.profile },
      // The waits between attempts are as much shorter as the songs are.
      env: { UPSTREAM_MAX_CONCURRENCY: String(SLOTS), RETRY_BASE_MS: '20', RETRY_MAX_MS: '200' },
    });
    const finished = async () =>
      (await client.zcard('{songmill}:l:default:succeeded')) + (await client.zcard('{songmill}:l:other:succeeded'));
    await call(simulator, '/_sim/config', { latency: { median_ms: 45_000, p99_ms: 60_000 } });
    for (let n = 0; n < FINISHED_BEFORE; n++) await call(api, '/v1/generations', SAMPLE_REQUEST);
    await until('the songs before', async () => (await finished()) === FINISHED_BEFORE);

    const guesses = await estimates(api, simulator, plan.estimateCount);
    const all = FINISHED_BEFORE + plan.estimateCount;
    await until(`${all} songs`, async () => (await finished()) === all, 50);
    const errors: number[] = [];
    for (const guess of guesses) errors.push(await errorOf(api, guess));
    for (const each of [api, worker, simulator]) await stopCleanly(each);
    const median = spreadOf([spreadOf(errors).median]);
    return {
      id: 'eta',
      row: 'eta',
      what: `error of \`eta_seconds\`, median of ${guesses.length} songs`,
      floorIs: null,
      unit: '%',
      floor: null,
      ours: median,
      ratio: null,
      cpuMicros: null,
      aim: `≤ ${AIM_PERCENT}`,
      reached: median.median <= AIM_PERCENT,
    };
  } finally {
    client.disconnect();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Posts all songs, of two projects in turn, and reads what each is told while the upstream takes no call. */
async function estimates(api: TestProcess, simulator: TestProcess, count: number): Promise<Guess[]> {
  const other = { name: 'other', project: 'other', scopes: ['generate'] };
  const keys = [API_KEY, (await call<{ key: string }>(api, '/v1/api-keys', other)).key];
  await call(simulator, '/_sim/faults', { faults: ['code=1002,status=429,retry_after=5'] });
  const posted: { path: string; key: string }[] = [];
  for (let n = 0; n < count; n++) {
    const key = keys[n % 2]!;
    const { id } = await call<Generation>(api, '/v1/generations', SAMPLE_REQUEST, key);
    posted.push({ path: `/v1/generations/${id}`, key });
  }
  const last = posted.at(-1)!;
  const read = ({ path, key }: { path: string; key: string }) => call<Generation>(api, path, undefined, key);
  await until('the pause', async () => (await read(last)).queue?.blocked_by === 'rate_limit');
  const guesses: Guess[] = [];
  for (const each of posted) {
    const readAt = Date.now();
    const { queue } = await read(each);
    if (queue?.eta_seconds != null) guesses.push({ ...each, readAt, startsAt: readAt + queue.eta_seconds * 1000 });
  }
  if (guesses.length < count / 2) throw new Error(`only ${guesses.length} of ${count} songs were told a start`);
  return guesses;
}

/** In percent of the time that it was to wait; at least a hundredth of one, as a measurement is above 0. */
async function errorOf(api: TestProcess, { path, key, readAt, startsAt }: Guess): Promise<number> {
  const { attempts } = await call<Generation>(api, path, undefined, key);
  const startedAt = Date.parse(attempts.at(-1)!.started_at);
  return Math.max((Math.abs(startsAt - startedAt) / Math.max(startedAt - readAt, 1)) * 100, 0.01);
}
