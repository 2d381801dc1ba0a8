import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProcess } from '@songmill/shared/testing/processes';
import { openTestRecords } from '@songmill/shared/testing/records';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { Redis } from 'ioredis';
import type { Round } from '../cpu-time.ts';
import { rateOfDraining } from '../drain.ts';
import { addEndpoint, happen } from '../events.ts';
import type { Plan } from '../plan.ts';
import { compare, type Result } from '../result.ts';
import { takeTurns } from '../rounds.ts';
import {
  receivedBy,
  startCannedReceiver,
  startCannedUpstream,
  startWebhookFloor,
  startWorker,
  stopCleanly,
} from '../start.ts';
import { until } from '../until.ts';

const AIM = 0.5;
/** Requests at once to one receiver that takes everything: as many as the records allow. */
export const MOST_TO_ONE = 32;

interface Bench {
  readonly plan: Plan;
  readonly redis: TestRedis;
  readonly client: Redis;
  readonly upstream: TestProcess;
  readonly receiver: TestProcess;
  /** Where songs would go, and the bodies that were sent. */
  readonly folder: string;
}

/** How many webhooks a second one worker sends to one fast receiver, against undici alone with the same bodies. */
export async function measureWebhooks(plan: Plan): Promise<Result[]> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const client = new Redis(redis.socket);
  const folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  try {
    const [upstream, receiver] = [await startCannedUpstream(), await startCannedReceiver(false)];
    const bench = { plan, redis, client, upstream, receiver, folder };
    // Ours first: it leaves the bodies.
    const measured = await takeTurns(plan.rounds, {
      ours: () => ourRound(bench),
      floor: () => floorRound(bench, false),
      fresh: () => floorRound(bench, true),
    });
    await stopCleanly(upstream);
    await stopCleanly(receiver);
    const shared = { row: 'webhooks', what: 'webhooks sent to one fast receiver', unit: 'per second' } as const;
    const compared = compare(measured.ours, measured.floor);
    return [
      {
        ...shared,
        id: 'webhooks',
        floorIs: `undici alone, ${MOST_TO_ONE} at once, the same bodies unsigned`,
        ...compared,
        aim: `≥ ${AIM}`,
        reached: compared.ratio.median >= AIM,
      },
      {
        ...shared,
        id: 'webhooks-fresh',
        floorIs: 'the same with a connection for each request, as ours',
        ...compare(measured.ours, measured.fresh),
        aim: null,
        reached: null,
      },
    ];
  } finally {
    client.disconnect();
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function ourRound({ plan, redis, client, upstream, receiver, folder }: Bench): Promise<Round> {
  await client.flushall();
  const records = openTestRecords(redis.url, 'songmill');
  await addEndpoint(records, `${receiver.url}/all`);
  await happen(records, plan.deliveryCount);
  records.close();
  const { taken: before } = await receivedBy(receiver);
  const worker = await startWorker({ redis, upstream, folder, profile: plan.profile });
  const taken = async () => (await receivedBy(receiver)).taken - before;
  const rate = await rateOfDraining(plan.deliveryCount, taken, [worker.pid, redis.pid]);
  await until('deliveries on record', async () => {
    return (await client.zcard('{songmill}:dl:p:succeeded')) === plan.deliveryCount;
  });
  await stopCleanly(worker);
  const events = await client.keys('{songmill}:e:*');
  const bodies = await Promise.all(events.map((key) => client.hget(key, 'body')));
  await writeFile(join(folder, 'bodies.json'), JSON.stringify(bodies));
  return rate;
}

async function floorRound({ plan, receiver, folder }: Bench, fresh: boolean): Promise<Round> {
  const { taken: before } = await receivedBy(receiver);
  const bodies = join(folder, 'bodies.json');
  const floor = await startWebhookFloor({ receiver, bodies, concurrency: MOST_TO_ONE, fresh });
  const taken = async () => (await receivedBy(receiver)).taken - before;
  const rate = await rateOfDraining(plan.deliveryCount, taken, [floor.pid]);
  await stopCleanly(floor);
  return rate;
}
