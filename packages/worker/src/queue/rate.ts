import type { Queue } from 'bullmq';
import type { Pointer } from '@songmill/shared/runtime/queues';
import { loadScript, type RecordStore } from '@songmill/shared/runtime/records/store';

const uncount = loadScript('uncount');
const SHORTEST_WINDOW_MS = 100;
const UNLIMITED = 1_000_000_000;

/**
 * The upstream's rate as evenly spaced windows: 6 a minute is one start each 10 s. A window of a whole
 * minute would allow two minutes' worth back to back; windows under 100 ms would cost more than they tell.
 */
export function rateWindow(perMinute: number): { max: number; windowMs: number } {
  if (perMinute === 0) return { max: UNLIMITED, windowMs: 1000 };
  const windowMs = Math.max(Math.ceil(60_000 / perMinute), SHORTEST_WINDOW_MS);
  return { max: Math.max(1, Math.floor((perMinute * windowMs) / 60_000)), windowMs };
}

/**
 * Writes the two limits that all workers share. The rate is always set, because without one a brake
 * stops only the worker that pulled it. A slower pace that a refusal brought about goes on.
 */
export async function applyLimits(
  { queue, records: { redis, keys } }: { queue: Queue<Pointer>; records: RecordStore },
  perMinute: number,
  concurrency: number,
): Promise<void> {
  const { max, windowMs } = rateWindow(perMinute);
  await redis.hset(keys.rate, { max, duration: windowMs });
  if (Number(await redis.hget(keys.pace, 'gap')) <= windowMs / max) {
    await redis.del(keys.pace);
    await queue.setGlobalRateLimit(max, windowMs);
  }
  if (concurrency > 0) await queue.setGlobalConcurrency(concurrency);
  else await queue.removeGlobalConcurrency();
}

/** A pick-up that made no call gives its start back to the window it was counted in. */
export async function uncountStart(records: RecordStore): Promise<void> {
  await uncount.run(records, []);
}
