import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, limitWaitMs } from './backoff.ts';

describe('backoff', () => {
  it('is never longer than its ceiling and never negative, whatever the step', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -3, max: 5000 }),
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (step, base, random) => {
          const wait = backoffMs(step, base, 120_000, () => random);
          expect(wait).toBeGreaterThanOrEqual(0);
          expect(wait).toBeLessThanOrEqual(Math.min(120_000, base * 2 ** Math.min(Math.max(step, 0), 30)));
        },
      ),
    );
  });

  it('doubles its ceiling with each step', () => {
    const top = (step: number) => backoffMs(step, 1000, 120_000, () => 0.999999);
    expect([top(0), top(1), top(2)]).toEqual([999, 1999, 3999]);
  });
});

describe('the wait after a limit', () => {
  it('does what Retry-After says', () => {
    expect(limitWaitMs('rate_limited', 1002, 5000, 2000)).toBe(5000);
  });

  it('is never shorter than RETRY_BASE_MS, whatever Retry-After says', () => {
    expect(limitWaitMs('rate_limited', 1002, 0, 2000)).toBe(2000);
    expect(limitWaitMs('quota', 1028, 10, 2000)).toBe(2000);
  });

  it('is a minute after a refused request rate, as the upstream counts per minute', () => {
    expect(limitWaitMs('rate_limited', 1002, null, 2000)).toBe(60_000);
  });

  it('is shorter when too many songs were running at once', () => {
    expect(limitWaitMs('rate_limited', 1041, null, 2000)).toBe(10_000);
  });

  it('is an hour for a spent quota', () => {
    expect(limitWaitMs('quota', 1028, null, 2000)).toBe(3_600_000);
  });
});
