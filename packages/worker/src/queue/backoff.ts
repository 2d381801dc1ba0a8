import type { OutcomeKind } from '@songmill/shared/contract/outcomes';

/** Full-jitter exponential backoff: anything from 0 to min(max, base × 2^step). Pure but for `random`. */
export function backoffMs(step: number, base: number, max: number, random: () => number = Math.random): number {
  const ceiling = Math.min(max, base * 2 ** Math.min(Math.max(step, 0), 30));
  return Math.floor(random() * ceiling);
}

/**
 * How long nobody should start after a limit was met, in units of RETRY_BASE_MS so that one setting
 * scales them all: at the default of 2 s a request-rate window is 60 s (the upstream counts per
 * minute), a full house of running songs is asked again after 10 s, and a spent quota after an hour
 * (its reset is not announced; -10012 is hourly, others daily or monthly).
 */
const RATE_WINDOW = 30;
const FULL_HOUSE = 5;
const QUOTA = 1800;
const CONNECTION_LIMIT_CODES: ReadonlySet<number> = new Set([1041]);

export function limitWaitMs(
  kind: Extract<OutcomeKind, 'rate_limited' | 'quota'>,
  code: number | null,
  retryAfterMs: number | null,
  base: number,
): number {
  // "Now" and times that are over would be asked again and again without a pause.
  if (retryAfterMs !== null) return Math.max(retryAfterMs, base);
  if (kind === 'quota') return QUOTA * base;
  return (code !== null && CONNECTION_LIMIT_CODES.has(code) ? FULL_HOUSE : RATE_WINDOW) * base;
}
