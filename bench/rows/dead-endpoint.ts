import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestProcess } from '@songmill/shared/testing/processes';
import { openTestRecords } from '@songmill/shared/testing/records';
import { startRedis, type TestRedis } from '@songmill/shared/testing/redis';
import { Redis } from 'ioredis';
import { addEndpoint, happen } from '../events.ts';
import type { Plan } from '../plan.ts';
import type { Result } from '../result.ts';
import { spreadOf, takeTurns } from '../rounds.ts';
import { receivedBy, startCannedReceiver, startCannedUpstream, startWorker, stopCleanly } from '../start.ts';
import { until } from '../until.ts';

export const ENDPOINTS = 100;
export const EVENT_EVERY_MS = 700;
/** So much longer may the others wait: a share, or so many ms where that is more. */
const AIM_SHARE = 1.25;
const AIM_MORE_MS = 5;

interface Bench {
  readonly plan: Plan;
  readonly redis: TestRedis;
  readonly client: Redis;
  readonly upstream: TestProcess;
  readonly receiver: TestProcess;
}

/** How long after an event its webhook comes, p99 over all endpoints but one, when that one is dead and when it lives. */
export async function measureDeadEndpoint(plan: Plan): Promise<Result> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const client = new Redis(redis.socket);
  try {
    const [upstream, receiver] = [await startCannedUpstream(), await startCannedReceiver(true)];
    const bench = { plan, redis, client, upstream, receiver };
    const measured = await takeTurns(plan.deadRounds, {
      floor: () => oneRound(bench, 'live'),
      ours: () => oneRound(bench, 'die'),
    });
    await stopCleanly(upstream);
    await stopCleanly(receiver);
    const [ours, floor] = [spreadOf(measured.ours), spreadOf(measured.floor)];
    const most = Math.max(floor.median * AIM_SHARE, floor.median + AIM_MORE_MS);
    return {
      id: 'dead-endpoint',
      row: 'dead-endpoint',
      what: `event to webhook, p99 of the other ${ENDPOINTS - 1} endpoints, with a dead one`,
      floorIs: 'without the dead one',
      unit: 'ms',
      floor,
      ours,
      ratio: { median: most / ours.median, lowest: most / ours.highest, highest: most / ours.lowest },
      cpuMicros: null,
      aim: `at most 25 % or ${AIM_MORE_MS} ms more`,
      reached: ours.median <= most,
    };
  } finally {
    client.disconnect();
    await redis.stop();
  }
}

async function oneRound({ plan, redis, client, upstream, receiver }: Bench, order: 'live' | 'die'): Promise<number> {
  await client.flushall();
  await fetch(`${receiver.url}/${order}`, { method: 'POST' });
  const records = openTestRecords(redis.url, 'songmill');
  const folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  try {
    await addEndpoint(records, `${receiver.url}/dead`);
    for (let n = 1; n < ENDPOINTS; n++) await addEndpoint(records, `${receiver.url}/${n}`);
    const worker = await startWorker({ redis, upstream, folder, profile: plan.profile });
    // The first event finds code that is not compiled and connections that are not made.
    await happen(records, 1);
    await delaysOf(receiver, ENDPOINTS - 1);
    for (let n = 0; n < plan.deadEvents; n++) {
      await happen(records, 1);
      await delay(EVENT_EVERY_MS);
    }
    const delays = await delaysOf(receiver, plan.deadEvents * (ENDPOINTS - 1));
    await fetch(`${receiver.url}/live`, { method: 'POST' });
    await stopCleanly(worker);
    return delays.toSorted((a, b) => a - b)[Math.ceil(delays.length * 0.99) - 1]!;
  } finally {
    records.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function delaysOf(receiver: TestProcess, count: number): Promise<number[]> {
  const all: number[] = [];
  await until(`${count} webhooks`, async () => {
    all.push(...(await receivedBy(receiver)).delays);
    return all.length >= count;
  });
  if (all.length > count) throw new Error(`${all.length} webhooks came for ${count}`);
  return all;
}
