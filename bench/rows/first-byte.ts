import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestProcess } from '@songmill/shared/testing/processes';
import { startRedis } from '@songmill/shared/testing/redis';
import { Redis } from 'ioredis';
import { call } from '../call.ts';
import { medianOf, roundTrip } from '../idle.ts';
import type { Plan } from '../plan.ts';
import type { Result } from '../result.ts';
import { spreadOf, takeTurns } from '../rounds.ts';
import { SAMPLE_REQUEST } from '../sample.ts';
import { callsSeen, startApi, startCannedUpstream, startWorker, stopCleanly } from '../start.ts';
import { until } from '../until.ts';

const AIM_MS = 15;
/** Between a song that is done and the next, so that everybody has gone back to waiting. */
const REST_MS = 30;
const WARM_UP = 5;

interface Bench {
  readonly client: Redis;
  readonly api: TestProcess;
  readonly upstream: TestProcess;
}

/** From sending a request to an idle system until the worker's call begins to arrive at the upstream. */
export async function measureFirstByte(plan: Plan): Promise<Result> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const client = new Redis(redis.socket);
  const folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  try {
    const upstream = await startCannedUpstream();
    const api = await startApi(redis, plan.profile, folder);
    const worker = await startWorker({ redis, upstream, folder, profile: plan.profile });
    const bench = { client, api, upstream };
    await medianOf(WARM_UP, () => oneSong(bench));
    const measured = await takeTurns(plan.rounds, {
      floor: () => medianOf(plan.firstByteCount, () => roundTrip(client)),
      ours: () => medianOf(plan.firstByteCount, () => oneSong(bench)),
    });
    for (const each of [api, worker, upstream]) await stopCleanly(each);
    const ours = spreadOf(measured.ours);
    return {
      id: 'first-byte',
      row: 'first-byte',
      what: '`POST` sent to first byte at the upstream, idle, p50',
      floorIs: 'one Redis round trip',
      unit: 'ms',
      floor: spreadOf(measured.floor),
      ours,
      ratio: spreadOf(measured.ours.map((ms) => AIM_MS / ms)),
      cpuMicros: null,
      aim: `< ${AIM_MS}`,
      reached: ours.median < AIM_MS,
    };
  } finally {
    client.disconnect();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** In ms. Both clocks are this machine's. */
async function oneSong({ client, api, upstream }: Bench): Promise<number> {
  const succeeded = '{songmill}:l:default:succeeded';
  await delay(REST_MS);
  const before = await client.zcard(succeeded);
  const sentAt = performance.timeOrigin + performance.now();
  await call(api, '/v1/generations', SAMPLE_REQUEST);
  await until('one song', async () => (await client.zcard(succeeded)) > before);
  const { calls, lastAt } = await callsSeen(upstream);
  if (calls !== before + 1) throw new Error(`${calls} calls were made for ${before + 1} songs`);
  return lastAt - sentAt;
}
