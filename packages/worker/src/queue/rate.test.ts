import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rateWindow } from './rate.ts';

describe('the rate window', () => {
  it('spaces six a minute ten seconds apart', () => {
    expect(rateWindow(6)).toEqual({ max: 1, windowMs: 10_000 });
  });

  it('never allows more than the rate asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), (perMinute) => {
        const { max, windowMs } = rateWindow(perMinute);
        expect((max * 60_000) / windowMs).toBeLessThanOrEqual(perMinute);
        expect(windowMs).toBeGreaterThanOrEqual(100);
      }),
    );
  });
});
