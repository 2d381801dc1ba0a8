import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generationRequestSchema } from '@songmill/shared/contract/generation';
import type { TestProcess } from '@songmill/shared/testing/processes';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { Round } from '../cpu-time.ts';
import { rateOfDraining } from '../drain.ts';
import { postSamples } from '../load.ts';
import type { Plan } from '../plan.ts';
import { compare, type Result } from '../result.ts';
import { takeTurns } from '../rounds.ts';
import { CONCURRENCY, SAMPLE_REQUEST } from '../sample.ts';
import { callsAnswered, startApi, startCannedUpstream, startFinishFloor, startWorker, stopCleanly } from '../start.ts';

const AIM = 0.55;
const AIM_SYNCED = 0.9;

interface Bench {
  readonly plan: Plan;
  readonly redis: TestRedis;
  readonly client: Redis;
  readonly upstream: TestProcess;
}

/**
 * How many songs a second one worker finishes when the upstream answers at once, against a bare
 * BullMQ worker that makes the same call and writes the same file, unsynced and synced. All
 * generations are accepted before the worker starts, and the API is gone by then.
 */
export async function measureFinish(plan: Plan): Promise<Result[]> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const client = new Redis(redis.socket);
  try {
    const bench = { plan, redis, client, upstream: await startCannedUpstream() };
    const measured = await takeTurns(plan.rounds, {
      floor: () => inFolder((folder) => floorRound(bench, folder, false)),
      synced: () => inFolder((folder) => floorRound(bench, folder, true)),
      ours: () => inFolder((folder) => ourRound(bench, folder)),
    });
    await stopCleanly(bench.upstream);
    const shared = { row: 'finish', unit: 'per second' } as const;
    const what = `songs finished, instant upstream, 16 KB, concurrency ${CONCURRENCY}`;
    const unsynced = compare(measured.ours, measured.floor);
    const synced = compare(measured.ours, measured.synced);
    return [
      {
        ...shared,
        id: 'finish',
        what,
        floorIs: 'a bare BullMQ worker: same call, same file, no sync',
        ...unsynced,
        aim: `≥ ${AIM}`,
        reached: unsynced.ratio.median >= AIM,
      },
      {
        ...shared,
        id: 'finish-synced',
        what,
        floorIs: 'the same with `fdatasync` of each file',
        ...synced,
        aim: `≥ ${AIM_SYNCED}`,
        reached: synced.ratio.median >= AIM_SYNCED,
      },
    ];
  } finally {
    client.disconnect();
    await redis.stop();
  }
}

async function inFolder(round: (folder: string) => Promise<Round>): Promise<Round> {
  // Beside the data of Redis, so that every side has the same disk.
  const folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  try {
    return await round(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function floorRound({ plan, redis, client, upstream }: Bench, folder: string, durable: boolean): Promise<Round> {
  await client.flushall();
  const queue = new Queue('floor', { connection: { path: redis.socket }, skipVersionCheck: true });
  const data = generationRequestSchema.parse(SAMPLE_REQUEST);
  await queue.addBulk(Array.from({ length: plan.finishCount }, () => ({ name: 'generation', data })));
  await queue.close();
  const worker = await startFinishFloor({ redis, upstream, folder, durable });
  const rate = await rateOfDraining(plan.finishCount, () => client.zcard('bull:floor:completed'), [
    worker.pid,
    redis.pid,
  ]);
  await stopCleanly(worker);
  await expectSongs(folder, plan.finishCount, (name) => name.endsWith('.mp3'));
  return rate;
}

async function ourRound({ plan, redis, client, upstream }: Bench, folder: string): Promise<Round> {
  await client.flushall();
  const api = await startApi(redis, null, folder);
  await postSamples(api.url, plan.connections, { amount: plan.finishCount });
  await stopCleanly(api);
  const before = await callsAnswered(upstream);
  const worker = await startWorker({ redis, upstream, folder, profile: plan.profile });
  const rate = await rateOfDraining(plan.finishCount, () => client.zcard('{songmill}:l:default:succeeded'), [
    worker.pid,
    redis.pid,
  ]);
  await stopCleanly(worker);
  await expectSongs(join(folder, 'songs'), plan.finishCount, (name) => name.endsWith('result.json'));
  const calls = (await callsAnswered(upstream)) - before;
  if (calls !== plan.finishCount) throw new Error(`${calls} calls were made for ${plan.finishCount} songs`);
  return rate;
}

async function expectSongs(folder: string, count: number, isSong: (name: string) => boolean): Promise<void> {
  const found = (await readdir(folder, { recursive: true })).filter(isSong).length;
  if (found !== count) throw new Error(`${found} songs are stored, not ${count}`);
}
