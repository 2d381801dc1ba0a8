/** At most a tenth is added, so that what failed together does not come back together. */
const JITTER = 0.1;
/** Answers that say: too much, or not now. They slow down whatever else is on its way to the same receiver. */
const THROTTLING: ReadonlySet<number> = new Set([429, 502, 504]);
/** A receiver may not silence us for longer. */
const LONGEST_THROTTLE_MS = 86_400_000;

/**
 * Until the next attempt; null when the schedule has no further one. Pure but for `random`.
 *
 * @param schedule WEBHOOK_SCHEDULE_MS
 * @param step attempts made before this one since the delivery was last begun
 * @param askedMs what the receiver asked for
 */
export function nextAttemptMs(
  schedule: readonly number[],
  step: number,
  askedMs: number,
  random: () => number = Math.random,
): number | null {
  const wait = schedule[step];
  if (wait === undefined) return null;
  return Math.max(Math.ceil(wait * (1 + JITTER * random())), askedMs);
}

/**
 * For how long a receiver is to be left alone after an answer; 0 = it did not ask for that.
 *
 * @param retryAfterMs what its `Retry-After` says
 * @param firstWaitMs first wait of the schedule: what counts when a throttling answer names no time
 */
export function throttleMs(statusCode: number, retryAfterMs: number | null, firstWaitMs: number): number {
  if (statusCode >= 200 && statusCode < 300) return 0;
  const asked = retryAfterMs ?? (THROTTLING.has(statusCode) ? firstWaitMs : 0);
  return Math.min(asked, LONGEST_THROTTLE_MS);
}
