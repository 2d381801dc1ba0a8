import { describe, expect, it } from 'vitest';
import { retryAfterMs } from './retry-after.ts';

const NOW = Date.UTC(2026, 0, 31, 12, 0, 0);
const HOUR = 3_600_000;
const wait = (header: string | string[] | null) => retryAfterMs(header, 'rate_limited', NOW);

describe('Retry-After', () => {
  it.each([
    ['7', 7000],
    [' 0 ', 0],
    ['0.25', 250],
    ['Sat, 31 Jan 2026 12:00:30 GMT', 30_000],
    ['Saturday, 31-Jan-26 12:00:30 GMT', 30_000],
    ['Sat Jan 31 12:00:30 2026', 30_000],
    ['Sun Feb  1 12:00:00 2026', HOUR],
  ])('%j is so many milliseconds', (header, ms) => {
    expect(wait(header)).toBe(ms);
  });

  it.each(['Sat, 31 Jan 2026 11:00:00 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994'])(
    'a time that is over asks for no wait: %j',
    (header) => expect(wait(header)).toBe(0),
  );

  it.each(['999999999', '99999999999999999999', 'Sat, 31 Jan 2099 12:00:00 GMT'])(
    'an absurd one is cut to an hour: %j',
    (header) => expect(wait(header)).toBe(HOUR),
  );

  it('of a quota may be a month', () => {
    expect(retryAfterMs('86400', 'quota', NOW)).toBe(24 * HOUR);
    expect(retryAfterMs('999999999', 'quota', NOW)).toBe(31 * 24 * HOUR);
  });

  it('in several headers is the longest that says something', () => {
    expect(wait(['5', 'soon', '30'])).toBe(30_000);
    expect(wait(['Sat, 31 Jan 2026 12:00:10 GMT', '5'])).toBe(10_000);
    expect(wait('5, 20')).toBe(20_000);
    expect(wait([])).toBe(null);
  });

  it.each(['', '-1', '-Infinity', 'soon', '1e3', '1e9', '0x10', '1 2', 'NaN', 'Foo, 31 Bar 2026 12:00:00 GMT'])(
    '%j says nothing',
    (header) => expect(wait(header)).toBe(null),
  );
});
