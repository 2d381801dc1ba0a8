import type { Queue } from 'bullmq';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import { addPointers, type Pointer } from '@songmill/shared/runtime/queues';
import { resolveWaiters } from '@songmill/shared/runtime/records/references';
import { findMissingUploads } from '@songmill/shared/runtime/records/uploads';
import type { WorkerContext } from './context.ts';
import { every } from './every.ts';

const PAGE = 100;

/** What is left to do when a process died between two steps for a reference. One worker at a time, by lease. */
export function startReferenceRepairs(context: WorkerContext, queue: Queue<Pointer>): Part {
  const { settings, records, logger, workerId } = context;
  const everyMs = Math.min(Math.max(settings.WORKER_LEASE_MS / 3, 250), 10_000);
  const leaseKey = `${records.keys.root}lease:reference-repairs`;
  const work = async () => {
    const holder = await records.redis.set(leaseKey, workerId, 'PX', Math.ceil(everyMs * 3), 'NX', 'GET');
    if (holder !== null && holder !== workerId) return;
    await records.redis.pexpire(leaseKey, Math.ceil(everyMs * 3));
    await readdLostUploads(context, queue);
    const settled = await records.redis.srandmember(records.keys.settledReferences, PAGE);
    for (const id of settled) await tellWaiters(context, id);
  };
  return every(everyMs, work, (error) => logger.warn({ err: error }, 'repairs of references'));
}

/** Generations that wait for a settled reference come into line or fail, in pages. */
export async function tellWaiters({ records, queue, wakeFeeder }: WorkerContext, id: string): Promise<void> {
  for (;;) {
    const { left, pointers } = await resolveWaiters(records, id, PAGE);
    await addPointers(queue, pointers);
    if (left === 0) break;
  }
  wakeFeeder();
}

/** The record says that it waits for its upload, so it gets its pointer. */
async function readdLostUploads({ records, logger }: WorkerContext, queue: Queue<Pointer>): Promise<void> {
  for (let from = 0; ; from += PAGE) {
    const { lookedAt, missing } = await findMissingUploads(records, { from, count: PAGE });
    await addPointers(queue, missing);
    if (missing.length > 0) logger.info({ count: missing.length }, 'pointers of references added again');
    if (lookedAt < PAGE) return;
  }
}
