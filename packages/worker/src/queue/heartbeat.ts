import type { Logger } from '@songmill/shared/runtime/logger';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import { beat } from '@songmill/shared/runtime/records/feed';
import type { AboutWorker } from '@songmill/shared/runtime/records/workers';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import type { Settings } from '@songmill/shared/runtime/settings';
import { every } from './every.ts';

/**
 * Tells everybody's claims that this worker is alive, four times per lease. The first beat is on
 * record before anything is claimed; the last one says that it left, so that nothing waits for it.
 */
export async function startHeartbeat(deps: {
  records: RecordStore;
  settings: Settings;
  workerId: string;
  about: () => AboutWorker;
  logger: Logger;
}): Promise<Part> {
  const { records, settings, workerId, about, logger } = deps;
  const say = (leaves: boolean) =>
    beat(records, {
      worker: workerId,
      concurrency: settings.WORKER_CONCURRENCY,
      about: about(),
      leaseMs: settings.WORKER_LEASE_MS,
      maxConcurrency: settings.UPSTREAM_MAX_CONCURRENCY,
      leaves,
    });
  await say(false);
  const loop = every(
    Math.max(settings.WORKER_LEASE_MS / 4, 100),
    () => say(false),
    (error) => logger.warn({ err: error }, 'heartbeat'),
  );
  return {
    async stop() {
      await loop.stop();
      await say(true);
    },
  };
}
