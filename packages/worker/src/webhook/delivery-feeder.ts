import type { Queue } from 'bullmq';
import type { Logger } from '@songmill/shared/runtime/logger';
import { addPointers, type Pointer } from '@songmill/shared/runtime/queues';
import { feedDeliveries } from '@songmill/shared/runtime/records/deliver';
import { recoverPage } from '@songmill/shared/runtime/records/deliver-again';
import type { RecordStore } from '@songmill/shared/runtime/records/store';
import { every, type Loop } from '../queue/every.ts';

const EVERY_MS = 250;
/** Woken more often than this it waits: under load one look serves many, and when idle it is at once. */
const AT_MOST_EVERY_MS = 4;
/** One script takes at most this many, so that it never holds Redis up. */
const PAGE = 100;
/** What BullMQ holds over all workers: enough to keep them busy between two looks. */
const WINDOW = 1000;

/** Takes what is owed and due into BullMQ's window. Every worker does it, so that what it published itself goes out at once. */
export function startDeliveryFeeder(deps: {
  records: RecordStore;
  queue: Queue<Pointer>;
  logger: Logger;
  aheadMs: () => number;
}): Loop {
  const { records, queue, logger, aheadMs } = deps;
  const fill = async () => {
    for (;;) {
      const { pointers, recovering } = await feedDeliveries(records, {
        most: PAGE,
        windowSize: WINDOW,
        aheadMs: aheadMs(),
      });
      await addPointers(queue, pointers);
      if (recovering) await recoverPage(records, PAGE, aheadMs());
      if (pointers.length === 0 && !recovering) return;
    }
  };
  const loop = every(EVERY_MS, fill, (error) => logger.warn({ err: error }, 'delivery feeder'));
  let last = 0;
  let later: NodeJS.Timeout | null = null;
  const wake = () => {
    if (later !== null) return;
    const rest = last + AT_MOST_EVERY_MS - performance.now();
    if (rest <= 0) {
      last = performance.now();
      loop.wake();
      return;
    }
    later = setTimeout(() => {
      later = null;
      last = performance.now();
      loop.wake();
    }, rest);
  };
  return {
    wake,
    async stop() {
      if (later !== null) clearTimeout(later);
      await loop.stop();
    },
  };
}
