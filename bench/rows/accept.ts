import type { TestProcess } from '@songmill/shared/testing/processes';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { Redis } from 'ioredis';
import { cpuEach, cpuTimeOf, type Round } from '../cpu-time.ts';
import { postSamples } from '../load.ts';
import type { Plan } from '../plan.ts';
import { compare, type Result } from '../result.ts';
import { takeTurns } from '../rounds.ts';
import { startAcceptFloor, startApi, stopCleanly } from '../start.ts';

const AIM = 0.8;

/**
 * How many generations a second one API process takes, with every middleware and default, against
 * Express that checks the same shape and adds a queue job. No worker runs. Redis is emptied before
 * each round.
 */
export async function measureAccept(plan: Plan, appendfsync: 'everysec' | 'always'): Promise<Result> {
  const redis = await startRedis({ appendfsync });
  const client = new Redis(redis.socket);
  try {
    const floor = await startAcceptFloor(redis);
    const api = await startApi(redis, plan.profile);
    const load = { client, plan, redis };
    if (plan.warmUpSeconds > 0) {
      await postSamples(floor.url, plan.connections, { seconds: plan.warmUpSeconds });
      await postSamples(api.url, plan.connections, { seconds: plan.warmUpSeconds });
    }
    const measured = await takeTurns(plan.rounds, {
      floor: () => oneRound(load, floor, 'bull:floor:wait'),
      ours: () => oneRound(load, api, '{songmill}:l:default'),
    });
    await stopCleanly(floor);
    await stopCleanly(api);
    const compared = compare(measured.ours, measured.floor);
    return {
      id: appendfsync === 'everysec' ? 'accept' : 'accept-always',
      row: 'accept',
      what: `\`POST /v1/generations\`, ${plan.connections} connections, \`appendfsync ${appendfsync}\``,
      floorIs: 'Express 5, the same zod shape, `queue.add`, nothing else',
      unit: 'per second',
      ...compared,
      // What the disk does weighs more than either side, so this one is told and not aimed at.
      aim: appendfsync === 'everysec' ? `≥ ${AIM}` : null,
      reached: appendfsync === 'everysec' ? compared.ratio.median >= AIM : null,
    };
  } finally {
    client.disconnect();
    await redis.stop();
  }
}

interface Load {
  readonly client: Redis;
  readonly plan: Plan;
  readonly redis: TestRedis;
}

/** Counts what Redis holds afterwards too: an answer without a record behind it would be no throughput. */
async function oneRound(load: Load, server: TestProcess, index: string): Promise<Round> {
  const { client, plan, redis } = load;
  await client.flushall();
  const pids = [server.pid, redis.pid];
  const before = cpuTimeOf(pids);
  const { accepted, perSecond } = await postSamples(server.url, plan.connections, { seconds: plan.acceptSeconds });
  const after = cpuTimeOf(pids);
  const recorded = await countOf(client, index);
  if (recorded < accepted) throw new Error(`${accepted} were accepted, ${index} holds ${recorded}`);
  return { perSecond, cpuMicros: cpuEach(before, after, accepted) };
}

async function countOf(client: Redis, key: string): Promise<number> {
  return (await client.type(key)) === 'list' ? client.llen(key) : client.zcard(key);
}
