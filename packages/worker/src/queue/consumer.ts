import { Worker } from 'bullmq';
import { connectRedis } from '@songmill/shared/runtime/redis';
import { type Pointer, queuePrefix } from '@songmill/shared/runtime/queues';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { WorkerContext } from './context.ts';
import type { Move } from './move.ts';
import { runGeneration } from './run-generation.ts';
import { settleJob } from './settle.ts';

/** The lock guards tidiness only; the intent on the record guards the money. */
const LOCK_MS = 30_000;
const STALLED_CHECK_MS = 10_000;

export interface Consumer extends Part {
  /** Generations in this worker's hands now. */
  readonly running: () => number;
  /** When a pointer was last picked up (monotonic ms). */
  readonly lastPickUp: () => number;
  /** Takes nothing new; resolves when all that was running has ended. */
  readonly drain: () => Promise<void>;
}

/**
 * Takes pointers from BullMQ and runs them. BullMQ's lock may be lost while a paid call runs (a Redis
 * outage, a blocked loop): the call goes on, and a second pick-up of the same job in this process
 * joins it instead of making another one.
 */
export function startConsumer(context: WorkerContext): Consumer {
  const { settings, logger } = context;
  const connection = connectRedis(settings.REDIS_URL, 'worker', (error) =>
    logger.warn({ err: error }, 'redis connection'),
  );
  const running = new Map<string, Promise<Move>>();
  let lastPickUp = performance.now();

  const join = (pointer: Pointer): Promise<Move> => {
    const key = `${pointer.id}.${pointer.run}`;
    const open = running.get(key);
    if (open) return open;
    const started = runGeneration(context, pointer).finally(() => running.delete(key));
    running.set(key, started);
    return started;
  };

  const worker = new Worker<Pointer>(
    'generate',
    // Two parameters: with three BullMQ would hand in an abort signal, and a paid call is never aborted for a lost lock.
    async (job, token) => {
      lastPickUp = performance.now();
      let move: Move;
      try {
        move = await join(job.data);
      } catch (error) {
        logger.error({ err: error, generation_id: job.data.id }, 'a pick-up failed');
        move = { kind: 'delay', ms: settings.RETRY_BASE_MS, spent: true };
      }
      return settleJob(context, job, token!, move);
    },
    {
      connection,
      prefix: queuePrefix(settings.REDIS_PREFIX),
      concurrency: settings.WORKER_CONCURRENCY,
      name: context.workerId,
      // The version check stays on: without it BullMQ blocks for whole seconds, and short delays take one.
      lockDuration: Math.min(LOCK_MS, settings.WORKER_LEASE_MS),
      stalledInterval: Math.min(STALLED_CHECK_MS, settings.WORKER_LEASE_MS),
      maxStalledCount: 1_000_000,
      maximumRateLimitDelay: 2000,
      runRetryDelay: 1000,
      drainDelay: 2,
      removeOnComplete: { count: 100 },
      removeOnFail: { count: 1000 },
    },
  );
  worker.on('error', (error) => logger.warn({ err: error }, 'queue consumer'));
  worker.on('completed', (job) => {
    const { id } = job.data;
    void (async () => context.crashPoint('settled', id))().catch((error: unknown) =>
      logger.error({ err: error, generation_id: id }, 'a crash point failed'),
    );
  });
  worker.on('failed', (job, error) => logger.error({ err: error, generation_id: job?.data.id }, 'a queue job failed'));

  let stopped: Promise<void> | null = null;
  return {
    running: () => running.size,
    lastPickUp: () => lastPickUp,
    drain: () => worker.close(),
    stop() {
      stopped ??= (async () => {
        await worker.close(true);
        connection.disconnect();
      })();
      return stopped;
    },
  };
}
