import { describe, expect, it } from 'vitest';
import { ratioOf, spreadOf, takeTurns } from './rounds.ts';

describe('a spread', () => {
  it('is the middle of the measurements and their two ends, in whatever order they came', () => {
    expect(spreadOf([30, 10, 20])).toEqual({ median: 20, lowest: 10, highest: 30 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, lowest: 1, highest: 4 });
  });

  it('is never made of nothing, of zero or of what is no number', () => {
    for (const values of [[], [0], [-1], [1, Number.NaN], [Number.POSITIVE_INFINITY]]) {
      expect(() => spreadOf(values)).toThrow(RangeError);
    }
  });
});

it('a ratio is that of the medians, with the ratios of the single rounds around it', () => {
  expect(ratioOf([50, 90, 80], [100, 100, 200])).toEqual({ median: 0.8, lowest: 0.4, highest: 0.9 });
});

it('sides take turns, so that both meet what else the machine does', async () => {
  const order: string[] = [];
  const side = (name: string) => async () => order.push(name);
  const measured = await takeTurns(2, { floor: side('floor'), ours: side('ours') });
  expect(order).toEqual(['floor', 'ours', 'floor', 'ours']);
  expect(measured).toEqual({ floor: [1, 3], ours: [2, 4] });
});
