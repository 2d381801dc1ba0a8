import { expect, it } from 'vitest';
import { costOf } from './cost.ts';
import type { Attempt } from './generation.ts';

function ended(charge: Attempt['charge']): Attempt {
  const upstream = null;
  return { number: 1, run: 1, worker: 'w', started_at: '', finished_at: null, outcome: null, charge, upstream };
}

it('every billed call costs its price, what may have been billed is told apart, and open calls cost nothing yet', () => {
  const attempts = [ended('charged'), ended('none'), ended('unknown'), ended('charged'), ended('charged'), ended(null)];
  expect(costOf({ amount: '0.1', currency: 'PTC' }, attempts)).toEqual({
    currency: 'PTC',
    estimated: '0.1',
    charged: '0.3',
    unknown: '0.1',
  });
});

it('without a price nothing is said', () => {
  expect(costOf(null, [ended('charged')])).toEqual({ currency: null, estimated: null, charged: null, unknown: null });
});
