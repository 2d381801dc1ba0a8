/** What the line moves by, all of it kept incrementally: workers' beats, finished calls and BullMQ's counters. */
export interface Flow {
  /** How long the last calls held a slot, ms; at most 50. */
  readonly callsMs: readonly number[];
  /** Calls that may run at once, and those that do. */
  readonly slots: number;
  readonly running: number;
  /** Starts per window, the window's length, starts used up in the present one, and ms until it ends (0 = none is open). */
  readonly rate: { readonly max: number; readonly windowMs: number; readonly used: number; readonly endsMs: number };
}

const LEAST_CALLS = 5;

/**
 * Milliseconds until the call at this position starts; null when too little is known to say.
 * Starts follow whichever is slower: slots that become free, or the rate. The mean of the last calls is
 * used and not their median, because what slots give per hour is set by the mean. Pure.
 *
 * @param position from 1, counted over all that go before it
 * @param notBeforeMs it may not start earlier than this, from now
 */
export function etaMs(position: number, notBeforeMs: number, { callsMs, slots, running, rate }: Flow): number | null {
  if (callsMs.length < LEAST_CALLS || slots === 0) return null;
  const left = rate.endsMs > 0 ? Math.max(rate.max - rate.used, 0) : rate.max;
  const closedMs = left === 0 ? rate.endsMs : 0;
  const from = Math.max(notBeforeMs, closedMs);
  return Math.max(whenASlotIsFree(), whenTheRateAllows());

  function whenASlotIsFree(): number {
    const meanMs = callsMs.reduce((sum, ms) => sum + ms, 0) / callsMs.length;
    // While nothing may start, calls go on ending.
    const freed = Math.floor((from * slots) / Math.max(meanMs, 1));
    const free = Math.min(slots, Math.max(slots - running, 0) + freed);
    if (position <= free) return from;
    // Calls end spread over their length, so the next slot is free after half the gap between two. When all slots
    // begin together, as after a pause, they end together too: half a call later, less what their lengths differ.
    const together = free === slots ? (1 - Math.min(spread(callsMs, meanMs), 1)) / 2 : 0;
    return from + ((position - free - 0.5) / slots + together) * meanMs;
  }

  function whenTheRateAllows(): number {
    if (notBeforeMs > rate.endsMs) return notBeforeMs + (Math.ceil(position / rate.max) - 1) * rate.windowMs;
    if (position <= left) return from;
    return rate.endsMs + (Math.ceil((position - left) / rate.max) - 1) * rate.windowMs;
  }
}

/** Variance over the mean squared: 0 when all are equal. */
function spread(numbers: readonly number[], mean: number): number {
  const variance = numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0) / numbers.length;
  return variance / Math.max(mean, 1) ** 2;
}
