import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { refuseUnsafeRedis, startFoundations } from '@songmill/shared/runtime/foundations/foundations';
import { newId } from '@songmill/shared/runtime/ids';
import { type Part, stopAll } from '@songmill/shared/runtime/lifecycle';
import type { Logger } from '@songmill/shared/runtime/logger';
import { openQueue } from '@songmill/shared/runtime/queues';
import { freeResumed } from '@songmill/shared/runtime/records/brake';
import { probeHoldsNow } from '@songmill/shared/runtime/records/hold';
import { openRecordStore, type RecordStore } from '@songmill/shared/runtime/records/store';
import { noteStorageTrouble } from '@songmill/shared/runtime/records/storage-trouble';
import { connectRedis } from '@songmill/shared/runtime/redis';
import type { Settings } from '@songmill/shared/runtime/settings';
import { openStorage } from '@songmill/shared/runtime/storage/storage';
import { startBulkActions } from './batch/bulk-actions.ts';
import { startIngests } from './batch/ingests.ts';
import { startHealth } from './health.ts';
import { type Consumer, startConsumer } from './queue/consumer.ts';
import type { WorkerContext } from './queue/context.ts';
import type { ReachCrashPoint } from './queue/crash-points.ts';
import { startFeeder } from './queue/feeder.ts';
import { startHeartbeat } from './queue/heartbeat.ts';
import { applyLimits } from './queue/rate.ts';
import { startRepairs } from './queue/repairs.ts';
import { startSchedule } from './queue/schedule.ts';
import { startUploadConsumer } from './queue/upload-consumer.ts';
import { startWatchdog } from './queue/watchdog.ts';
import { startAdoption } from './storage/adopt-spool.ts';
import { openJournal } from './storage/journal.ts';
import { onlyTheRightStorage, roomForSongs } from './storage/room.ts';
import { openUpstream } from './upstream/client.ts';
import { startDeliveries } from './webhook/deliveries.ts';

export interface WorkerDeps {
  readonly settings: Settings;
  readonly logger: Logger;
  /** The upstream's key, asked before every call. */
  readonly readKey: () => string;
  /** Called as a run passes each of its crash points, and waited for; only the fault suite gives one. */
  readonly crashPoint?: ReachCrashPoint;
}

export interface RunningWorker extends Part {
  /** Of its health page. */
  readonly url: string;
  /** A new key or a top-up: every hold is probed now instead of at its time. */
  probeHolds(): Promise<void>;
}

/** After SHUTDOWN_GRACE_MS what is broken off still gets this long to be written down. */
const WRITE_DOWN_MS = 5000;
/** Then nothing that is paid for is in hand any more, and what still waits for Redis is not worth waiting for. */
const LEAVE_MS = 8000;

/**
 * Starts one worker process. Resolves when it takes work; waits for Redis as long as that takes.
 * `stop` takes nothing new, lets paid calls finish for SHUTDOWN_GRACE_MS, then leaves, also when nobody answers.
 *
 * @throws ConfigError when Redis is set up so that it could lose what was accepted
 */
export async function startWorker({ settings, logger, readKey, crashPoint }: WorkerDeps): Promise<RunningWorker> {
  const workerId = newId('wrk');
  const log = logger.child({ worker: workerId });
  const redis = connectRedis(settings.REDIS_URL, 'worker', (error) => log.warn({ err: error }, 'redis connection'));
  const records = openRecordStore(redis, settings.REDIS_PREFIX);
  await safeRedis(records);
  const queue = openQueue('generate', redis, settings.REDIS_PREFIX);
  queue.on('error', (error) => log.warn({ err: error }, 'queue'));
  const storage = await openStorage(settings.STORAGE_URL, settings);
  const journal = await openJournal(settings.SPOOL_DIR, workerId);
  const foundations = startFoundations({
    store: records,
    storage: { ...storage, freeBytes: () => roomForSongs(storage, journal.folder) },
    minFreeBytes: settings.STORAGE_MIN_FREE_BYTES,
    logger: log,
    onStop: (stop) => noteStorageTrouble(records, stop),
  });
  const upstream = openUpstream({
    baseUrl: settings.UPSTREAM_BASE_URL,
    timeoutMs: settings.UPSTREAM_TIMEOUT_MS,
    maxResponseBytes: settings.UPSTREAM_MAX_RESPONSE_BYTES,
    readKey,
    logger: log,
  });
  const giveUp = new AbortController();
  let wake = (): void => undefined;
  const context: WorkerContext = {
    workerId,
    settings,
    logger: log,
    records,
    queue,
    storage: onlyTheRightStorage(storage, foundations),
    upstream,
    journal,
    foundations,
    giveUp: giveUp.signal,
    wakeFeeder: () => wake(),
    crashPoint: crashPoint ?? (() => undefined),
  };

  await applyLimits({ queue, records }, settings.UPSTREAM_RATE_PER_MINUTE, settings.UPSTREAM_MAX_CONCURRENCY);
  let inUse = (): number => 0;
  const self = { host: hostname(), pid: process.pid, node: process.version, started_at: Date.now() };
  const about = () => ({ ...self, in_use: inUse() });
  const heartbeat = await startHeartbeat({ records, settings, workerId, about, logger: log });
  const feeder = startFeeder({ records, queue, workerId, logger: log });
  const deliveries = await startDeliveries(context);
  wake = () => {
    feeder.wake();
    deliveries.wake();
  };
  const schedule = startSchedule({ records, queue, workerId, logger: log, wakeFeeder: feeder.wake });
  const repairs = startRepairs(context);
  const bulk = startBulkActions(context);
  const adoption = startAdoption(context);
  const watchdog = startWatchdog(context, () => startConsumer(context));
  inUse = watchdog.running;
  const uploads = await startUploadConsumer(context, readKey);
  const ingests = await startIngests(context);
  const health = await startHealth(context, watchdog);

  let stopped: Promise<void> | null = null;
  const stop = async () => {
    // Not waited for yet: a loop that waits for Redis must not keep paid calls from their grace.
    const loops = stopAll([feeder, schedule, repairs, bulk]);
    await drain([watchdog, uploads, ingests], settings.SHUTDOWN_GRACE_MS, giveUp);
    const leave = async () => {
      await loops;
      // Last, so that what ended just now is told, too.
      await deliveries.drain();
      await adoption.stop();
      await stopAll([
        watchdog,
        uploads,
        ingests,
        deliveries,
        heartbeat,
        health,
        foundations,
        upstream,
        journal,
        storage,
      ]);
      await queue.close();
    };
    if (!(await within(LEAVE_MS, leave()))) log.error('Redis or storage did not let go in time; leaving all the same');
    redis.disconnect();
  };
  return {
    url: health.url,
    async probeHolds() {
      await probeHoldsNow(records);
      await freeResumed(records);
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Waits for Redis. @throws ConfigError when it could lose what was accepted */
async function safeRedis(records: RecordStore): Promise<void> {
  await records.redis.ping();
  try {
    await refuseUnsafeRedis(records);
  } catch (error) {
    records.redis.disconnect();
    throw error;
  }
}

/** False when it took longer, in which case nobody waits for it any more. @throws what it throws in time */
async function within(ms: number, work: Promise<void>): Promise<boolean> {
  const timer = new AbortController();
  const late = wait(ms, false, { signal: timer.signal }).catch(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

/** Lets what runs end by itself, then breaks it off: the attempts are written down as unknown. */
async function drain(
  consumers: readonly Pick<Consumer, 'drain'>[],
  graceMs: number,
  giveUp: AbortController,
): Promise<void> {
  const drained = Promise.all(consumers.map((each) => each.drain()));
  const timers = new AbortController();
  const grace = wait(graceMs, undefined, { signal: timers.signal }).catch(() => undefined);
  await Promise.race([drained, grace]);
  giveUp.abort(new Error('the worker is stopping'));
  await Promise.race([drained, wait(WRITE_DOWN_MS, undefined, { signal: timers.signal }).catch(() => undefined)]);
  timers.abort();
}
