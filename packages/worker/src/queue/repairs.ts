import { addPointers, jobId } from '@songmill/shared/runtime/queues';
import { forgetSwept, idsToSweep } from '@songmill/shared/runtime/records/erase';
import { findMissingPointers } from '@songmill/shared/runtime/records/feed';
import { reapDeadCalls } from '@songmill/shared/runtime/records/reap';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { WorkerContext } from './context.ts';
import { every } from './every.ts';
import { retainDue, retentionAges } from './retention.ts';

const PAGE = 100;
const LEASE_KEY = 'lease:repairs';

/**
 * Plain intervals, not a queue's scheduler: the same Redis loss that makes a repair necessary would
 * take the scheduler away. One worker at a time, by lease; each walk goes in pages of 100.
 */
export function startRepairs(context: WorkerContext): Part {
  const { settings, records, logger, workerId } = context;
  const everyMs = Math.min(Math.max(settings.WORKER_LEASE_MS / 3, 250), 10_000);
  const ages = retentionAges(settings);
  const work = async () => {
    const key = `${records.keys.root}${LEASE_KEY}`;
    const holder = await records.redis.set(key, workerId, 'PX', Math.ceil(everyMs * 3), 'NX', 'GET');
    if (holder !== null && holder !== workerId) return;
    await records.redis.pexpire(key, Math.ceil(everyMs * 3));
    await readdLostPointers(context, 'window');
    await readdLostPointers(context, 'parked');
    await reapDeadCalls(records, settings.WORKER_LEASE_MS);
    await retainDue(records, ages, everyMs / 2);
    await sweepErased(context, everyMs / 2);
  };
  return every(everyMs, work, (error) => logger.warn({ err: error }, 'repairs'));
}

/** A crash between accepting and adding, or a Redis that forgot: the record says that it waits, so it gets its pointer. */
async function readdLostPointers({ records, queue, logger }: WorkerContext, set: 'window' | 'parked'): Promise<void> {
  // An entry younger than this may be on its way to BullMQ right now.
  const olderThanMs = set === 'window' ? 1000 : -Number.MAX_SAFE_INTEGER / 1024;
  for (let from = 0; ; ) {
    const page = await findMissingPointers(records, { set, from, count: PAGE, olderThanMs });
    for (const pointer of page.missing) {
      if (pointer.finishedJobInTheWay) await queue.remove(jobId(pointer));
    }
    await addPointers(
      queue,
      page.missing.map(({ id, run, priority }) => ({ id, run, priority })),
    );
    if (page.missing.length > 0) logger.warn({ count: page.missing.length, set }, 'lost pointers added again');
    if (page.lookedAt < PAGE) return;
    from += page.kept;
  }
}

/** Files of erased records, and songs that were kept long enough. */
async function sweepErased({ records, storage }: WorkerContext, budgetMs: number): Promise<void> {
  const end = performance.now() + budgetMs;
  let ids: string[];
  do {
    ids = await idsToSweep(records, PAGE);
    for (const id of ids) {
      await storage.remove(id);
      await forgetSwept(records, id);
    }
  } while (ids.length === PAGE && performance.now() < end);
}
