/** First and largest span that jitter is drawn from, in milliseconds. */
const BASE_MS = 500;
const MAX_MS = 8_000;

/** A server that asks for a longer pause than this gets its way through the caller: the error is thrown. */
export const LONGEST_RETRY_AFTER_MS = 60_000;

/** Statuses that say "not now" rather than "no". */
const RETRYABLE: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

export function isRetryableStatus(status: number): boolean {
  return RETRYABLE.has(status);
}

/**
 * How long to pause before the next try: what the server asked for, plus full jitter, so that many
 * clients refused at one moment do not come back at one moment.
 *
 * @param failures tries that have failed so far, from 1
 * @param wishMs the server's wish, null when it stated none
 * @param random a number from 0 up to but not including 1
 * @returns milliseconds, or null when the server asked for more than a call should wait
 */
export function retryDelayMs(failures: number, wishMs: number | null, random: () => number): number | null {
  if (wishMs !== null && wishMs > LONGEST_RETRY_AFTER_MS) return null;
  const span = Math.min(MAX_MS, BASE_MS * 2 ** (failures - 1));
  return (wishMs ?? 0) + random() * span;
}

/**
 * Reads `Retry-After`, whole seconds or an HTTP date (RFC 9110, section 10.2.3).
 *
 * @returns milliseconds from now, never negative; null when absent or neither form
 */
export function retryAfterMs(headers: Headers, nowMs: number = Date.now()): number | null {
  const value = headers.get('retry-after')?.trim();
  if (!value) return null;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}
