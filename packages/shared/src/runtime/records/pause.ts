import type { QueueName } from '../../contract/words.ts';
import { openQueue } from '../queues.ts';
import { freeResumed } from './brake.ts';
import { probeHoldsNow } from './hold.ts';
import { loadScript, type RecordStore } from './store.ts';

const script = loadScript('pause');

/**
 * Stops the starts of one queue for all workers; calls under way go on. BullMQ first: a pause that
 * breaks off between the two steps is one without a reason, and is seen.
 *
 * @param by id of the key that did it
 */
export async function pauseQueue(
  store: RecordStore,
  input: { name: QueueName; prefix: string; reason: string | null; by: string },
): Promise<void> {
  await withQueue(store, input, (queue) => queue.pause());
  await script.run(store, [input.name, 'pause', input.reason ?? '', input.by]);
}

/** Lifts the pause and lets every hold, an open breaker and a spent quota be probed now. */
export async function resumeQueue(store: RecordStore, input: { name: QueueName; prefix: string }): Promise<void> {
  await script.run(store, [input.name, 'resume', '', '']);
  await probeHoldsNow(store);
  await freeResumed(store);
  await withQueue(store, input, (queue) => queue.resume());
}

async function withQueue(
  { redis }: RecordStore,
  { name, prefix }: { name: QueueName; prefix: string },
  work: (queue: ReturnType<typeof openQueue>) => Promise<unknown>,
): Promise<void> {
  const queue = openQueue(name, redis, prefix);
  queue.on('error', () => {});
  try {
    await work(queue);
  } finally {
    await queue.close();
  }
}
