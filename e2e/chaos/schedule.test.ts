import { describe, expect, it } from 'vitest';
import { FAULTS } from './faults/index.ts';
import { sequenceOf } from './schedule.ts';
import type { Fault } from './types.ts';

function titles(seed: number, count: number): string[] {
  const sequence = sequenceOf(seed, FAULTS);
  return Array.from({ length: count }, () => (sequence.next().value as { fault: Fault }).fault.title);
}

describe('the order of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(titles(1, 200)).toEqual(titles(1, 200));
    expect(titles(1, 200)).not.toEqual(titles(2, 200));
  });

  it('begins with each kind once, so that a run of as many faults knows them all', () => {
    expect(titles(3, FAULTS.length).toSorted()).toEqual(FAULTS.map(({ title }) => title).toSorted());
  });

  it('then follows the weights', () => {
    const drawn = titles(4, FAULTS.length + 20_000).slice(FAULTS.length);
    const sum = FAULTS.reduce((all, { weight }) => all + weight, 0);
    for (const { title, weight } of FAULTS) {
      const share = drawn.filter((each) => each === title).length / drawn.length;
      expect(Math.abs(share - weight / sum), title).toBeLessThan(0.02);
    }
  });
});
