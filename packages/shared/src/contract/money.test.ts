import { expect, it } from 'vitest';
import { timesExactly } from './money.ts';

it.each([
  ['0.05', 0, '0.00'],
  ['0.05', 3, '0.15'],
  ['0.1', 3, '0.3'],
  ['1', 12, '12'],
  ['007', 1, '7'],
  ['0.999', 1001, '999.999'],
  ['999999999999.999999999999', 50, '49999999999999.999999999950'],
])('%s times %i is %s, digit by digit', (amount, count, product) => {
  expect(timesExactly(amount, count)).toBe(product);
});
