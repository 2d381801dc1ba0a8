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
import { receivedBy, startApi, startCannedReceiver, startCannedUpstream, startWorker, stopCleanly } from '../start.ts';
import { until } from '../until.ts';

const AIM_MS = 15;
/** Between a webhook that came and the next song, so that everybody has gone back to waiting. */
const REST_MS = 30;
const WARM_UP = 5;

interface Bench {
  readonly api: TestProcess;
  readonly receiver: TestProcess;
}

/** From the end of a song of an idle system until its webhook begins to arrive. */
export async function measureFirstWebhook(plan: Plan): Promise<Result> {
  const redis = await startRedis({ appendfsync: 'everysec' });
  const client = new Redis(redis.socket);
  const folder = await mkdtemp(join(tmpdir(), 'sgm-'));
  try {
    const [upstream, receiver] = [await startCannedUpstream(), await startCannedReceiver(true)];
    const api = await startApi(redis, plan.profile, folder);
    const worker = await startWorker({ redis, upstream, folder, profile: plan.profile });
    const bench = { api, receiver };
    await medianOf(WARM_UP, () => oneWebhook(bench));
    const measured = await takeTurns(plan.rounds, {
      floor: () => medianOf(plan.firstByteCount, () => roundTrip(client)),
      ours: () => medianOf(plan.firstByteCount, () => oneWebhook(bench)),
    });
    for (const each of [api, worker, upstream, receiver]) await stopCleanly(each);
    const ours = spreadOf(measured.ours);
    return {
      id: 'first-webhook',
      row: 'first-webhook',
      what: 'song finished to first byte of its webhook, idle, p50',
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

/** In ms. The clocks of Redis and the receiver are this machine's. */
async function oneWebhook({ api, receiver }: Bench): Promise<number> {
  await delay(REST_MS);
  const webhook = { url: `${receiver.url}/own`, events: ['generation.succeeded'] };
  await call(api, '/v1/generations', { ...SAMPLE_REQUEST, webhook });
  let delays: number[] = [];
  await until('one webhook', async () => {
    ({ delays } = await receivedBy(receiver));
    return delays.length > 0;
  });
  if (delays.length !== 1) throw new Error(`${delays.length} webhooks came for one song`);
  return delays[0]!;
}
