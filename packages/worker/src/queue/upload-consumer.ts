import { DelayedError, Worker } from 'bullmq';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import { openQueue, type Pointer, queuePrefix } from '@songmill/shared/runtime/queues';
import { connectRedis } from '@songmill/shared/runtime/redis';
import { openUploader } from '../upstream/upload.ts';
import type { WorkerContext } from './context.ts';
import { startReferenceRepairs } from './reference-repairs.ts';
import { runUpload } from './run-upload.ts';

const LOCK_MS = 30_000;
const STALLED_CHECK_MS = 10_000;

export interface UploadConsumer extends Part {
  /** Takes nothing new; resolves when the upload under way has ended. */
  readonly drain: () => Promise<void>;
}

/**
 * Takes references from their own queue and uploads them, one at a time over all workers, beside the
 * songs. The record decides; BullMQ only orders and delays, as for songs.
 */
export async function startUploadConsumer(context: WorkerContext, readKey: () => string): Promise<UploadConsumer> {
  const { settings, logger } = context;
  const onError = (error: Error) => logger.warn({ err: error }, 'references queue');
  const connection = connectRedis(settings.REDIS_URL, 'worker', onError);
  const queue = openQueue('references', context.records.redis, settings.REDIS_PREFIX);
  queue.on('error', onError);
  await queue.setGlobalConcurrency(1);
  const uploader = openUploader({
    baseUrl: settings.UPSTREAM_BASE_URL,
    timeoutMs: settings.UPSTREAM_UPLOAD_TIMEOUT_MS,
    readKey,
  });
  const worker = new Worker<Pointer>(
    'references',
    async (job, token) => {
      let again: number | null;
      try {
        again = await runUpload(context, uploader, job.data);
      } catch (error) {
        logger.error({ err: error, reference_id: job.data.id }, 'a pick-up failed');
        again = settings.RETRY_BASE_MS;
      }
      if (again === null) return { ok: 1 };
      await job.moveToDelayed(Date.now() + Math.ceil(again), token);
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
  const repairs = startReferenceRepairs(context, queue);

  let stopped: Promise<void> | null = null;
  const stop = async () => {
    await repairs.stop();
    await worker.close(true);
    await uploader.stop();
    await queue.close();
    connection.disconnect();
  };
  return {
    drain: () => worker.close(),
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}
