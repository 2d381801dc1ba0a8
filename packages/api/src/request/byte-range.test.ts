import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteRange } from './byte-range.ts';

describe('byte ranges', () => {
  it('a part always lies within the file', () => {
    const number = fc.oneof(fc.constant(''), fc.nat(3000).map(String));
    fc.assert(
      fc.property(number, number, fc.integer({ min: 1, max: 2000 }), (first, last, size) => {
        const range = byteRange({ range: `bytes=${first}-${last}` }, size, '"t"');
        if (range.kind !== 'part') return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.end).toBeGreaterThanOrEqual(range.start);
        expect(range.end).toBeLessThan(size);
      }),
    );
  });

  it('numbers too large to count are no range', () => {
    expect(byteRange({ range: `bytes=${'9'.repeat(30)}-` }, 10, '"t"')).toEqual({ kind: 'whole' });
  });
});
