import { DelayedError, Worker } from 'bullmq';
import { openGuardedDispatcher } from '@songmill/shared/runtime/address/guard';
import { addPointers, openQueue, type Pointer, queuePrefix } from '@songmill/shared/runtime/queues';
import { connectRedis } from '@songmill/shared/runtime/redis';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import { webhookPolicy } from '@songmill/shared/runtime/webhook-policy';
import type { WorkerContext } from '../queue/context.ts';
import { startDeliveryFeeder } from './delivery-feeder.ts';
import { startDeliveryRepairs } from './delivery-repairs.ts';
import { runDelivery } from './run-delivery.ts';

/** Attempts at once in one process. Each is a socket and a few kilobytes, so this is far more than songs. */
const CONCURRENCY = 200;
const LOCK_MS = 30_000;
const STALLED_CHECK_MS = 10_000;
const AGAIN_MS = 1000;
/** A receiver that takes longer while the process leaves gets the same attempt from another worker. */
const PATIENCE_MS = 3000;

type Needs = Pick<WorkerContext, 'settings' | 'logger' | 'records' | 'workerId' | 'crashPoint'>;

export interface Deliveries extends Part {
  /** Something may be owed now. */
  readonly wake: () => void;
  /** Takes nothing new; resolves when the attempts under way have ended, or are left to others after a few seconds. */
  readonly drain: () => Promise<void>;
}

/**
 * Sends webhooks: takes what is owed into the queue `deliver`, and attempts from there. The records say what
 * is owed and what came of it; BullMQ only carries, so that operators see and can pause it.
 *
 * @param aheadMs by which the clock runs ahead; for tests
 */
export async function startDeliveries(context: Needs, aheadMs: () => number = () => 0): Promise<Deliveries> {
  const { settings, logger, records } = context;
  const onError = (error: Error) => logger.warn({ err: error }, 'deliver queue');
  const connection = connectRedis(settings.REDIS_URL, 'worker', onError);
  const queue = openQueue('deliver', records.redis, settings.REDIS_PREFIX);
  queue.on('error', onError);
  if (settings.WEBHOOK_ALLOW_PRIVATE) {
    logger.warn('WEBHOOK_ALLOW_PRIVATE is on: whoever has a key can reach private addresses; for development only');
  }
  const guard = openGuardedDispatcher({
    policy: webhookPolicy(settings),
    connectTimeoutMs: settings.WEBHOOK_TIMEOUT_MS,
    idleTimeoutMs: settings.WEBHOOK_TIMEOUT_MS,
    onRefusal: (refusal) => logger.warn(refusal, 'a webhook was blocked'),
  });
  let leaves = false;
  const delivery = { ...context, dispatcher: guard.dispatcher, aheadMs, leaves: () => leaves };
  const feeder = startDeliveryFeeder({ records, queue, logger, aheadMs });
  const worker = new Worker<Pointer>(
    'deliver',
    async (job, token) => {
      try {
        await runDelivery(delivery, job.data);
        feeder.wake();
        return { ok: 1 };
      } catch (error) {
        // Redis was away, or we leave: what was sent and not written down is sent again, under the same id.
        logger.warn({ err: error, delivery_id: job.data.id }, 'an attempt is made again');
        await job.moveToDelayed(Date.now() + AGAIN_MS, token);
        throw new DelayedError();
      }
    },
    {
      connection,
      prefix: queuePrefix(settings.REDIS_PREFIX),
      concurrency: CONCURRENCY,
      name: context.workerId,
      lockDuration: Math.min(LOCK_MS, settings.WORKER_LEASE_MS),
      stalledInterval: Math.min(STALLED_CHECK_MS, settings.WORKER_LEASE_MS),
      maxStalledCount: 1_000_000,
      runRetryDelay: 1000,
      drainDelay: 2,
      // A finished job would stand in the way of adding its pointer again.
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    },
  );
  worker.on('error', onError);
  const repairs = startDeliveryRepairs(context, (pointers) => addPointers(queue, pointers));

  let stopped: Promise<void> | null = null;
  const stop = async () => {
    await feeder.stop();
    await repairs.stop();
    leaves = true;
    await worker.close(true);
    await guard.stop();
    await queue.close();
    connection.disconnect();
  };
  return {
    wake: feeder.wake,
    drain: async () => {
      await feeder.stop();
      const patience = setTimeout(() => {
        leaves = true;
        guard.stop().catch((error: unknown) => logger.warn({ err: error }, 'connections of webhooks'));
      }, PATIENCE_MS);
      await worker.close();
      clearTimeout(patience);
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}
