import type { Blocker } from '@songmill/shared/contract/words';
import type { WorkerContext } from './context.ts';

/**
 * Stops all starts, in every worker, for `ms`. Never shortens a brake that is on. The reason is kept
 * beside it for whoever asks why a generation waits.
 */
export async function brakeQueue({ queue, records }: WorkerContext, ms: number, reason: Blocker): Promise<void> {
  const { redis, keys } = records;
  const wait = Math.max(Math.ceil(ms), 1);
  if ((await redis.pttl(keys.brake)) >= wait) return;
  await redis.set(keys.brake, reason, 'PX', wait);
  await queue.rateLimit(wait);
}

/** The upstream is reached, the account works again: starts go on at once, unless a limit of its own stops them. */
export async function releaseBrake({ queue, records }: WorkerContext): Promise<void> {
  const reason = await records.redis.get(records.keys.brake);
  if (reason === 'quota' || reason === 'rate_limit' || reason === 'storage') return;
  await records.redis.del(records.keys.brake);
  await queue.removeRateLimitKey();
}
