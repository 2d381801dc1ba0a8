import type { OutcomeKind } from '@songmill/shared/contract/outcomes';

const HOUR_MS = 3_600_000;
const MONTH_MS = 31 * 24 * HOUR_MS;
const CENTURY = 100;

/** How long an upstream may make us wait: a monthly quota for its month, anything else for an hour. */
function longest(kind: OutcomeKind): number {
  return kind === 'quota' ? MONTH_MS : HOUR_MS;
}

/**
 * The wait that `Retry-After` asks for, in milliseconds (RFC 9110, 10.2.3: seconds or an HTTP date),
 * cut to what is sensible; null when there is none or it says nothing. Of several headers, or of
 * several numbers in one (proxies join headers), the longest counts: asking too late costs nothing.
 */
export function retryAfterMs(
  header: string | readonly string[] | null,
  kind: OutcomeKind,
  nowMs: number,
): number | null {
  const waits = [header ?? []].flat().flatMap((each) => waitsIn(each.trim(), nowMs));
  return waits.length === 0 ? null : Math.min(Math.max(0, ...waits), longest(kind));
}

function waitsIn(text: string, nowMs: number): number[] {
  const seconds = text.split(',').map((part) => part.trim());
  if (seconds.every((part) => /^\d+(\.\d+)?$/.test(part))) return seconds.map((part) => Math.ceil(Number(part) * 1000));
  const at = httpDateMs(text, nowMs);
  return at === null ? [] : [at - nowMs];
}

const TIME = String.raw`(?<hour>\d{2}):(?<minute>\d{2}):(?<second>\d{2})`;
/** RFC 9110, 5.6.7: the form of today and the two obsolete ones, which recipients must take, too. */
const FORMS = [
  new RegExp(`^[A-Z][a-z]{2}, (?<day>\\d{2}) (?<month>[A-Z][a-z]{2}) (?<year>\\d{4}) ${TIME} (?:GMT|UTC)$`),
  new RegExp(`^[A-Z][a-z]{5,8}, (?<day>\\d{2})-(?<month>[A-Z][a-z]{2})-(?<year>\\d{2}) ${TIME} GMT$`),
  new RegExp(`^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Not by Date.parse, which takes a bare number for a year and an asctime for local time. */
function httpDateMs(text: string, nowMs: number): number | null {
  const parts = FORMS.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined);
  const month = MONTHS.indexOf(parts?.['month'] ?? '');
  if (!parts || month === -1) return null;
  const [day, hour, minute, second] = [parts['day'], parts['hour'], parts['minute'], parts['second']].map(Number);
  const year = parts['year']!.length === 2 ? fullYear(Number(parts['year']), nowMs) : Number(parts['year']);
  return Date.UTC(year, month, day, hour, minute, second);
}

/** Two digits that would be more than fifty years ahead mean the century before (RFC 9110, 5.6.7). */
function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = Math.floor(thisYear / CENTURY) * CENTURY + twoDigits;
  return year > thisYear + CENTURY / 2 ? year - CENTURY : year;
}
