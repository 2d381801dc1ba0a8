import { DelayedError, Worker } from 'bullmq';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import { addPointers, openQueue, type Pointer, queuePrefix } from '@songmill/shared/runtime/queues';
import { ingestPointer, sweepSpools } from '@songmill/shared/runtime/records/batches';
import { ingestingBatches } from '@songmill/shared/runtime/records/ingest';
import { connectRedis } from '@songmill/shared/runtime/redis';
import type { WorkerContext } from '../queue/context.ts';
import { every } from '../queue/every.ts';
import { runIngest } from './run-ingest.ts';

const LOCK_MS = 30_000;
const STALLED_CHECK_MS = 10_000;
const PAGE = 100;
/** Files of batches that were never accepted; no request takes that long. */
const ABANDONED_MS = 86_400_000;

export interface Ingests extends Part {
  /** Takes nothing new; what is under way ends after its chunk and is picked up by others. */
  readonly drain: () => Promise<void>;
}

/** Takes batches from the queue `ingest`, one at a time, and records their items. The record says how far it came. */
export async function startIngests(context: WorkerContext): Promise<Ingests> {
  const { settings, logger, records } = context;
  const onError = (error: Error) => logger.warn({ err: error }, 'ingest queue');
  const connection = connectRedis(settings.REDIS_URL, 'worker', onError);
  const queue = openQueue('ingest', records.redis, settings.REDIS_PREFIX);
  queue.on('error', onError);
  const stopping = new AbortController();
  const worker = new Worker<Pointer>(
    'ingest',
    async (job, token) => {
      let again: number | null;
      try {
        again = await runIngest(context, job.data.id, stopping.signal);
      } catch (error) {
        logger.error({ err: error, batch_id: job.data.id }, 'a pick-up failed');
        again = settings.RETRY_BASE_MS;
      }
      if (again === null) return { ok: 1 };
      await job.moveToDelayed(Date.now() + again, token);
      throw new DelayedError();
    },
    {
      connection,
      prefix: queuePrefix(settings.REDIS_PREFIX),
      concurrency: 1,
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
  const repairs = startIngestRepairs(context, (pointers) => addPointers(queue, pointers));

  let stopped: Promise<void> | null = null;
  const stop = async () => {
    stopping.abort();
    await repairs.stop();
    await worker.close(true);
    await queue.close();
    connection.disconnect();
  };
  return {
    async drain() {
      stopping.abort();
      await worker.close();
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** A crash between accepting and adding, or a Redis that forgot: the record says that items are missing. By lease. */
function startIngestRepairs(context: WorkerContext, add: (pointers: readonly Pointer[]) => Promise<void>): Part {
  const { settings, records, logger, workerId } = context;
  const everyMs = Math.min(Math.max(settings.WORKER_LEASE_MS / 3, 250), 5000);
  const leaseKey = `${records.keys.root}lease:ingest-repairs`;
  const work = async () => {
    const holder = await records.redis.set(leaseKey, workerId, 'PX', Math.ceil(everyMs * 3), 'NX', 'GET');
    if (holder !== null && holder !== workerId) return;
    await records.redis.pexpire(leaseKey, Math.ceil(everyMs * 3));
    await add((await ingestingBatches(records, PAGE)).map(ingestPointer));
    await sweepSpools(records, ABANDONED_MS, PAGE);
  };
  return every(everyMs, work, (error) => logger.warn({ err: error }, 'repairs of batches'));
}
