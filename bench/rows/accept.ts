import { startRedis } from '@songmill/shared/testing/redis';
import { Redis } from 'ioredis';
import { postSamples } from '../load.ts';
import type { Plan } from '../plan.ts';
import type { Result } from '../result.ts';
import { ratioOf, spreadOf, takeTurns } from '../rounds.ts';
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
    const load = { client, plan };
    if (plan.warmUpSeconds > 0) {
      await postSamples(floor.url, plan.connections, { seconds: plan.warmUpSeconds });
      await postSamples(api.url, plan.connections, { seconds: plan.warmUpSeconds });
    }
    const measured = await takeTurns(plan.rounds, {
      floor: () => oneRound(load, floor.url, 'bull:floor:wait'),
      ours: () => oneRound(load, api.url, '{songmill}:l:default'),
    });
    await stopCleanly(floor);
    await stopCleanly(api);
    const ratio = ratioOf(measured.ours, measured.floor);
    return {
      id: appendfsync === 'everysec' ? 'accept' : 'accept-always',
      row: 'accept',
      what: `\`POST /v1/generations\`, ${plan.connections} connections, \`appendfsync ${appendfsync}\``,
      floorIs: 'Express 5, the same zod shape, `queue.add`, nothing else',
      unit: 'per second',
      floor: spreadOf(measured.floor),
      ours: spreadOf(measured.ours),
      ratio,
      // What the disk does weighs more than either side, so this one is told and not aimed at.
      aim: appendfsync === 'everysec' ? `≥ ${AIM}` : null,
      reached: appendfsync === 'everysec' ? ratio.median >= AIM : null,
    };
  } finally {
    client.disconnect();
    await redis.stop();
  }
}

/** Counts what Redis holds afterwards too: an answer without a record behind it would be no throughput. */
async function oneRound(load: { client: Redis; plan: Plan }, url: string, index: string): Promise<number> {
  const { client, plan } = load;
  await client.flushall();
  const { accepted, perSecond } = await postSamples(url, plan.connections, { seconds: plan.acceptSeconds });
  const recorded = await countOf(client, index);
  if (recorded < accepted) throw new Error(`${accepted} were accepted, ${index} holds ${recorded}`);
  return perSecond;
}

async function countOf(client: Redis, key: string): Promise<number> {
  return (await client.type(key)) === 'list' ? client.llen(key) : client.zcard(key);
}
