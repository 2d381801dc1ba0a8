import { jobId, type Pointer } from '@songmill/shared/runtime/queues';
import type { WorkerContext } from './context.ts';

/**
 * The queue job of a call whose worker is dead goes back into line at once. Left alone it would do so when its lock
 * has run out, so nothing depends on this.
 */
export async function putBack(
  { queue, records, logger }: WorkerContext,
  pointer: Pick<Pointer, 'id' | 'run'>,
): Promise<void> {
  try {
    const job = await queue.getJob(jobId(pointer));
    const state = await job?.getState();
    if (state === 'delayed') await job!.changeDelay(0);
    if (state !== 'active') return;
    const token = await records.redis.get(`${records.keys.job(pointer.id, pointer.run)}:lock`);
    if (token !== null) await job!.moveToDelayed(Date.now(), token);
  } catch (error) {
    logger.info({ err: error, generation_id: pointer.id }, 'a queue job was not put back; its lock will run out');
  }
}
