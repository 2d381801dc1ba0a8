import { describe, expect, it } from 'vitest';
import { QUICK } from './plan.ts';
import { ROWS } from './result.ts';
import { measureRow } from './rows/row.ts';

/** For correctness, never for a time: a round fails by itself when a request, a record or a song is missing. */
describe('every row of the benchmarks', () => {
  it.each(ROWS)('%s runs through, tiny, with nothing lost, refused or bought twice', async (name) => {
    const results = await measureRow(name, QUICK);
    expect(results.length).toBeGreaterThan(0);
    for (const { id, ours, floor, ratio, floorIs } of results) {
      for (const spread of [ours, floor, ratio]) {
        if (spread === null) continue;
        const numbers = [spread.median, spread.lowest, spread.highest];
        expect(
          numbers.every((value) => Number.isFinite(value) && value > 0),
          `${id}: ${numbers.join(', ')}`,
        ).toBe(true);
      }
      expect(floor === null, id).toBe(floorIs === null);
    }
  });
});
