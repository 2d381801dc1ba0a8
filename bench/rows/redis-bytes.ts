import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { retainPage } from '@songmill/shared/runtime/records/retain';
import { openRecordStore } from '@songmill/shared/runtime/records/store';
import { startRedis } from '@songmill/shared/testing/redis';
import { Redis } from 'ioredis';
import { rateOfDraining } from '../drain.ts';
import { postSamples } from '../load.ts';
import type { Plan } from '../plan.ts';
import type { Result } from '../result.ts';
import { spreadOf } from '../rounds.ts';
import { startApi, startCannedUpstream, startWorker, stopCleanly } from '../start.ts';

const AIM_WAITING = 2000;
const AIM_FINISHED = 1500;
const STREAM = '{songmill}:events';
const BULLMQ_STREAM = '{songmill}:bull:generate:events';

/** What one waiting and one finished generation take of Redis' memory. */
export async function weighRecords(plan: Plan): Promise<Result[]> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const client = new Redis(redis.socket);
  const folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  try {
    const count = plan.weighCount;
    const api = await startApi(redis, null, folder);
    const empty = await weigh(client);
    await postSamples(api.url, plan.connections, { amount: count });
    const waiting = await weigh(client);
    await stopCleanly(api);

    const upstream = await startCannedUpstream();
    const worker = await startWorker({ redis, upstream, folder, profile: null });
    await rateOfDraining(count, () => client.zcard('{songmill}:l:default:succeeded'));
    await stopCleanly(worker);
    await stopCleanly(upstream);
    const whole = await weigh(client);
    // What the workers' repairs do an hour after the end.
    const store = openRecordStore(client, 'songmill');
    while ((await retainPage(store, { step: 'settled', ageMs: 0, most: 100 })) > 0);
    const finished = await weigh(client);

    return [
      aimed('bytes-waiting', 'Redis memory of one waiting generation', (waiting - empty) / count, AIM_WAITING),
      {
        ...told('bytes-whole', 'Redis memory of one generation in the hour after it finished'),
        ours: spreadOf([(whole - empty) / count]),
      },
      aimed('bytes-finished', 'Redis memory of one finished generation', (finished - empty) / count, AIM_FINISHED),
      {
        ...told('bytes-event', 'Redis memory of one entry of the event stream, which is cut at about 100,000'),
        ours: spreadOf([(await streamBytes(client, STREAM)) / (await client.xlen(STREAM))]),
      },
    ];
  } finally {
    client.disconnect();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Bytes in use without connections, the log's buffer and scripts, which say nothing about records,
 * and without the event streams, ours and BullMQ's, which are cut at a length and do not grow with them.
 */
async function weigh(client: Redis): Promise<number> {
  const stats = pairs(await client.memory('STATS'));
  const beside = ['clients.normal', 'aof.buffer', 'lua.caches', 'replication.backlog'];
  const total = Number(stats.get('total.allocated'));
  const streams = (await streamBytes(client, STREAM)) + (await streamBytes(client, BULLMQ_STREAM));
  return beside.reduce((rest, name) => rest - Number(stats.get(name) ?? 0), total) - streams;
}

async function streamBytes(client: Redis, stream: string): Promise<number> {
  return (await client.memory('USAGE', stream, 'SAMPLES', 0)) ?? 0;
}

function pairs(flat: readonly unknown[]): Map<string, unknown> {
  const map = new Map<string, unknown>();
  for (let at = 0; at + 1 < flat.length; at += 2) map.set(String(flat[at]), flat[at + 1]);
  return map;
}

function told(id: string, what: string): Omit<Result, 'ours'> {
  const nothing = { floorIs: null, floor: null, ratio: null, cpuMicros: null, aim: null, reached: null };
  return { id, row: 'redis-bytes', what, unit: 'bytes', ...nothing };
}

function aimed(id: string, what: string, bytes: number, aim: number): Result {
  return {
    ...told(id, what),
    ours: spreadOf([bytes]),
    ratio: spreadOf([aim / bytes]),
    aim: `≤ ${aim.toLocaleString('en')}`,
    reached: bytes <= aim,
  };
}
