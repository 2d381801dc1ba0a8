import type { QueueName } from '../../contract/words.ts';
import { openQueue } from '../queues.ts';
import { probeHoldsNow } from './hold.ts';
import { loadScript, type RecordStore } from './store.ts';

const script = loadScript('pause');

/** What ends when an operator resumes: waits for a probe. A rate limit goes on whoever wishes otherwise. */
const PROBED: ReadonlySet<string | null> = new Set(['account', 'upstream']);

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

/** Lifts the pause and lets every hold, and an open breaker, be probed now. */
export async function resumeQueue(store: RecordStore, input: { name: QueueName; prefix: string }): Promise<void> {
  const { redis, keys } = store;
  await script.run(store, [input.name, 'resume', '', '']);
  await probeHoldsNow(store);
  await withQueue(store, input, async (queue) => {
    if (PROBED.has(await redis.get(keys.brake))) {
      await redis.del(keys.brake);
      await queue.removeRateLimitKey();
    }
    await queue.resume();
  });
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
