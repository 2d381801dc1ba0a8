import type { OutcomeKind } from '@songmill/shared/contract/outcomes';

const HOUR_MS = 3_600_000;
const MONTH_MS = 31 * 24 * HOUR_MS;

/** How long an upstream may make us wait: a monthly quota for its month, anything else for an hour. */
function longest(kind: OutcomeKind): number {
  return kind === 'quota' ? MONTH_MS : HOUR_MS;
}

/**
 * The wait that a `Retry-After` header asks for, in milliseconds (RFC 9110, 10.2.3: seconds or an
 * HTTP date), cut to what is sensible; null when there is none or it says nothing.
 */
export function retryAfterMs(header: string | null, kind: OutcomeKind, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Math.ceil(Number(text) * 1000), longest(kind));
  // Date.parse takes far more than HTTP dates, a bare or negative number among it.
  if (!/^[A-Za-z]{3,9},? .*\d{2}:\d{2}:\d{2}/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.min(Math.max(0, at - nowMs), longest(kind));
}
