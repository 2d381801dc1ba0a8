import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Logger } from '@songmill/shared/runtime/logger';
import { addPointers, jobId, type Pointer } from '@songmill/shared/runtime/queues';
import type { Queue } from 'bullmq';

/** Puts pointers into BullMQ's window after the caller was answered. */
export interface PointerAdder extends Part {
  add(pointer: Pointer | null): void;
  /** Takes the pointer of a canceled generation out, so that no worker spends a start on skipping it. */
  remove(pointer: Pick<Pointer, 'id' | 'run'>): void;
}

/**
 * A failure is only logged: the record is safe, and every worker adds what is missing.
 * `stop` waits for what is under way.
 */
export function createPointerAdder(queue: Queue<Pointer>, logger: Logger): PointerAdder {
  const underWay = new Set<Promise<void>>();
  const follow = (id: string, change: Promise<unknown>) => {
    const followed = change
      .then(
        () => undefined,
        (error: unknown) => logger.warn({ err: error, id }, 'pointer left to the workers'),
      )
      .finally(() => underWay.delete(followed));
    underWay.add(followed);
  };
  return {
    add(pointer) {
      if (pointer !== null) follow(pointer.id, addPointers(queue, [pointer]));
    },
    remove(pointer) {
      follow(pointer.id, queue.remove(jobId(pointer)));
    },
    async stop() {
      await Promise.all(underWay);
    },
  };
}
