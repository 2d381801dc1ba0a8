import { DelayedError, type Job, RateLimitError } from 'bullmq';
import { PICKED_UP_ADVANTAGE, type Pointer, QUEUE_PRIORITY } from '@songmill/shared/runtime/queues';
import { brakeStarts } from '@songmill/shared/runtime/records/brake';
import type { WorkerContext } from './context.ts';
import type { Move } from './move.ts';
import { uncountStart } from './rate.ts';

/**
 * Turns a move into BullMQ's terms; the only place that does. Returns when the queue job is done,
 * else throws one of BullMQ's control errors, which cost no attempt.
 */
export async function settleJob(
  context: WorkerContext,
  job: Job<Pointer>,
  token: string,
  move: Move,
): Promise<{ ok: 1 }> {
  if (!move.spent) await uncountStart(context.records);
  switch (move.kind) {
    case 'finish':
      context.wakeFeeder();
      return { ok: 1 };
    case 'delay':
      await goAheadOfClass(job);
      await job.moveToDelayed(Date.now() + Math.ceil(move.ms), token);
      context.wakeFeeder();
      throw new DelayedError();
    case 'brake':
      await brakeStarts(context.records, move.ms, move.reason);
      throw new RateLimitError();
  }
}

/** Having been picked up once, it goes before its class when its time comes. */
async function goAheadOfClass(job: Job<Pointer>): Promise<void> {
  const priority = QUEUE_PRIORITY[job.data.priority] - PICKED_UP_ADVANTAGE;
  if (job.priority === priority) return;
  await job.changePriority({ priority });
}
