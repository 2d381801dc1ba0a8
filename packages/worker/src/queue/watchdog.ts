import type { WorkerContext } from './context.ts';
import type { Consumer } from './consumer.ts';
import { every } from './every.ts';

const LOOK_EVERY_MS = 10_000;
const WEDGED_AFTER_MS = 60_000;

/**
 * Restarts a consumer that stands still although there is work: connected, yet taking nothing (seen
 * in BullMQ after long outages; bullmq issues 3088, 3185). It judges by progress, because a wedged
 * consumer still says that it runs and still answers pings.
 */
export function startWatchdog(context: WorkerContext, start: () => Consumer): Consumer {
  const { queue, records, settings, logger } = context;
  let consumer = start();
  let idleSince = performance.now();
  let leaving = false;

  const look = async () => {
    const since = Math.max(idleSince, consumer.lastPickUp());
    if (leaving || consumer.running() >= settings.WORKER_CONCURRENCY || performance.now() - since < WEDGED_AFTER_MS)
      return;
    const [waiting, paused, limitedMs, active] = await Promise.all([
      records.redis.zcard(records.keys.bull('prioritized')),
      queue.isPaused(),
      queue.getRateLimitTtl(1),
      records.redis.llen(records.keys.bull('active')),
    ]);
    const full = settings.UPSTREAM_MAX_CONCURRENCY > 0 && active >= settings.UPSTREAM_MAX_CONCURRENCY;
    if (waiting === 0 || paused || full || limitedMs > 0 || leaving) {
      idleSince = performance.now();
      return;
    }
    logger.error({ waiting }, 'the queue consumer stands still; starting another one');
    idleSince = performance.now();
    const wedged = consumer;
    consumer = start();
    // What the old one still runs goes on; it just takes nothing more.
    void wedged.drain().catch((error: unknown) => logger.warn({ err: error }, 'wedged consumer'));
  };
  const loop = every(LOOK_EVERY_MS, look, (error) => logger.warn({ err: error }, 'watchdog'));

  return {
    running: () => consumer.running(),
    lastPickUp: () => consumer.lastPickUp(),
    async drain() {
      leaving = true;
      await loop.stop();
      await consumer.drain();
    },
    async stop() {
      leaving = true;
      await loop.stop();
      await consumer.stop();
    },
  };
}
