import type { Attempt, Generation } from './generation.ts';
import type { Price } from './models.ts';
import { timesExactly } from './money.ts';
import type { Charge } from './words.ts';

/**
 * What a generation costs, by the price that was in force when it was accepted: `estimated` for the
 * one call that it needs if nothing goes wrong, `charged` for the calls known to be billed, `unknown`
 * for those that may have been. All null without a price.
 *
 * @param attempts holds every attempt with a charge, as records do
 */
export function costOf(price: Price | null, attempts: readonly Attempt[]): Generation['cost'] {
  if (price === null) return { currency: null, estimated: null, charged: null, unknown: null };
  const { amount, currency } = price;
  const of = (charge: Charge) => timesExactly(amount, attempts.filter((attempt) => attempt.charge === charge).length);
  return { currency, estimated: timesExactly(amount, 1), charged: of('charged'), unknown: of('unknown') };
}
