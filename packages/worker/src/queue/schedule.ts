import type { Queue } from 'bullmq';
import type { Logger } from '@songmill/shared/runtime/logger';
import { addPointers, jobId, type Pointer } from '@songmill/shared/runtime/queues';
import { takeDue } from '@songmill/shared/runtime/records/feed';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import { every, type Loop } from './every.ts';

const EVERY_MS = 250;
const LEASE_MS = 2000;
/** One script moves at most this many, so that it never holds Redis up. */
const PAGE = 100;

/**
 * Lets scheduled generations into line when their time has come, and cancels those whose time for a
 * first call is over, so that they settle even if nobody picks them up. One worker at a time, by lease.
 */
export function startSchedule(deps: {
  records: RecordStore;
  queue: Queue<Pointer>;
  workerId: string;
  logger: Logger;
  wakeFeeder: () => void;
}): Loop {
  const { records, queue, workerId, logger, wakeFeeder } = deps;
  const look = async () => {
    for (;;) {
      const page = await takeDue(records, { worker: workerId, leaseMs: LEASE_MS, most: PAGE });
      if (page === null || page.canceled.length + page.cameIntoLine === 0) return;
      for (const late of page.canceled) await queue.remove(jobId(late));
      await addPointers(queue, page.pointers);
      wakeFeeder();
      if (Math.max(page.canceled.length, page.cameIntoLine) < PAGE) return;
    }
  };
  return every(EVERY_MS, look, (error) => logger.warn({ err: error }, 'schedule'));
}
