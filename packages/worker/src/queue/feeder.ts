import type { Queue } from 'bullmq';
import type { Logger } from '@songmill/shared/runtime/logger';
import { addPointers, type Pointer } from '@songmill/shared/runtime/queues';
import { feedWindow } from '@songmill/shared/runtime/records/feed';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import { every, type Loop } from './every.ts';

const EVERY_MS = 250;
const LEASE_MS = 2000;
/** One script moves at most this many, so that it never holds Redis up. */
const PAGE = 100;

/**
 * Keeps BullMQ's window filled from `ready`. One worker at a time does it, by lease; finished work
 * wakes it, and it looks by itself every 250 ms.
 */
export function startFeeder(deps: {
  records: RecordStore;
  queue: Queue<Pointer>;
  workerId: string;
  logger: Logger;
}): Loop {
  const { records, queue, workerId, logger } = deps;
  const fill = async () => {
    for (;;) {
      const pointers = await feedWindow(records, { worker: workerId, leaseMs: LEASE_MS, most: PAGE });
      if (pointers === null || pointers.length === 0) return;
      await addPointers(queue, pointers);
      if (pointers.length < PAGE) return;
    }
  };
  return every(EVERY_MS, fill, (error) => logger.warn({ err: error }, 'feeder'));
}
