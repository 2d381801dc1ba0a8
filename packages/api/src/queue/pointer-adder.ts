import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Logger } from '@songmill/shared/runtime/logger';
import { addPointers, type Pointer } from '@songmill/shared/runtime/queues';
import type { Queue } from 'bullmq';

/** Puts pointers into BullMQ's window after the caller was answered. */
export interface PointerAdder extends Part {
  add(pointer: Pointer | null): void;
}

/**
 * A failure is only logged: the record is safe, and every worker adds what is missing.
 * `stop` waits for what is under way.
 */
export function createPointerAdder(queue: Queue<Pointer>, logger: Logger): PointerAdder {
  const underWay = new Set<Promise<void>>();
  return {
    add(pointer) {
      if (pointer === null) return;
      const adding = addPointers(queue, [pointer])
        .catch((error: unknown) => logger.warn({ err: error, id: pointer.id }, 'pointer left to the workers'))
        .finally(() => underWay.delete(adding));
      underWay.add(adding);
    },
    async stop() {
      await Promise.all(underWay);
    },
  };
}
