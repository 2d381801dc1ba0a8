import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { Redis } from 'ioredis';
import { postSamples } from '../load.ts';
import type { Plan } from '../plan.ts';
import type { Result } from '../result.ts';
import { spreadOf } from '../rounds.ts';
import { callsAnswered, releaseAnswers, startApi, startCannedUpstream, startWorker, stopCleanly } from '../start.ts';
import { until } from '../until.ts';

const AIM_MB = 200;
/** Until a worker that has just started has read and compiled what it needs to be idle. */
const SETTLE_MS = 1000;

/** What a thousand calls that wait for the upstream add to the memory of the worker that makes them. */
export async function measureCallsInFlight(plan: Plan): Promise<Result> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const client = new Redis(redis.socket);
  try {
    const rounds: { idle: number; more: number }[] = [];
    for (let round = 0; round < plan.rounds; round++) rounds.push(await oneRound(plan, redis, client));
    const ours = spreadOf(rounds.map(({ more }) => more));
    return {
      id: 'calls-in-flight',
      row: 'calls-in-flight',
      what: `memory that ${plan.callCount.toLocaleString('en')} calls in flight add to one worker`,
      floorIs: 'the idle worker',
      unit: 'MB',
      floor: spreadOf(rounds.map(({ idle }) => idle)),
      ours,
      ratio: spreadOf(rounds.map(({ more }) => AIM_MB / more)),
      cpuMicros: null,
      aim: `< ${AIM_MB}`,
      reached: ours.median < AIM_MB,
    };
  } finally {
    client.disconnect();
    await redis.stop();
  }
}

/** The highest of what was seen while calls came and when all were open; then all are answered and must succeed. */
async function oneRound(plan: Plan, redis: TestRedis, client: Redis): Promise<{ idle: number; more: number }> {
  const count = plan.callCount;
  const folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  try {
    await client.flushall();
    const upstream = await startCannedUpstream({ hold: true });
    const api = await startApi(redis, null, folder);
    const worker = await startWorker({ redis, upstream, folder, profile: plan.profile, concurrency: count });
    await delay(SETTLE_MS);
    const idle = residentMegabytes(worker.pid);
    await postSamples(api.url, plan.connections, { amount: count });
    let peak = idle;
    const look = () => (peak = Math.max(peak, residentMegabytes(worker.pid)));
    await releaseAnswers(upstream, count, look);
    await until(`${count} songs`, async () => (await client.zcard('{songmill}:l:default:succeeded')) === count);
    const calls = await callsAnswered(upstream);
    if (calls !== count) throw new Error(`${calls} calls were made for ${count} songs`);
    for (const each of [api, worker, upstream]) await stopCleanly(each);
    return { idle, more: peak - idle };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Resident memory of a process, as `ps` tells it on every system. */
function residentMegabytes(pid: number): number {
  return (Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024) / 1_000_000;
}
