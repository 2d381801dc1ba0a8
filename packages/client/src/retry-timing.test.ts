import { describe, expect, it } from 'vitest';
import { LONGEST_RETRY_AFTER_MS, retryAfterMs, retryDelayMs } from './retry-timing.ts';

const almostOne = () => 0.999999;

describe('the pause before another try', () => {
  it('is drawn from a span that doubles up to eight seconds', () => {
    const spans = [1, 2, 3, 4, 5, 6, 50].map((failures) => Math.round(retryDelayMs(failures, null, almostOne) ?? -1));
    expect(spans).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000]);
    expect(retryDelayMs(3, null, () => 0)).toBe(0);
  });

  it('is never shorter than what the server asked for', () => {
    expect(retryDelayMs(1, 7000, () => 0)).toBe(7000);
    expect(retryDelayMs(1, 7000, () => 0.5)).toBe(7250);
  });

  it('does not happen when the server asks for more than a minute', () => {
    expect(retryDelayMs(1, LONGEST_RETRY_AFTER_MS, () => 0)).toBe(LONGEST_RETRY_AFTER_MS);
    expect(retryDelayMs(1, LONGEST_RETRY_AFTER_MS + 1, () => 0)).toBeNull();
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-01-31T12:00:00.000Z');
  const read = (value: string) => retryAfterMs(new Headers({ 'retry-after': value }), now);

  it('is read as seconds or as a date, and a date in the past is now', () => {
    expect(read('0')).toBe(0);
    expect(read('30')).toBe(30_000);
    expect(read('Sat, 31 Jan 2026 12:00:05 GMT')).toBe(5000);
    expect(read('Sat, 31 Jan 2026 11:00:00 GMT')).toBe(0);
  });

  it('is nothing when absent or unreadable', () => {
    expect(retryAfterMs(new Headers())).toBeNull();
    for (const value of ['soon', '-5', '1.5', '5 s', '']) expect(read(value)).toBeNull();
  });
});
