import type { BatchOptions, BatchQuote } from '@songmill/shared/contract/batch';
import { sumExactly, timesExactly } from '@songmill/shared/contract/money';
import { etaOfItems } from '@songmill/shared/runtime/records/batch-eta';
import type { ApiContext } from '../context.ts';
import { isAcceptable, type Spooled } from './spool-writer.ts';

/** What a batch would come to, had it been submitted: nothing is kept, nothing enqueued. */
export async function quoteOf(
  { store, settings }: ApiContext,
  project: string,
  spooled: Spooled,
  onInvalid: BatchOptions['on_invalid'],
): Promise<BatchQuote> {
  const { total, valid, invalid, duplicates, faults, faultCount } = spooled;
  const { seconds } = await etaOfItems(store, project, valid);
  return {
    object: 'batch_quote',
    would_accept: isAcceptable(spooled, onInvalid),
    ...{ total, valid, invalid, duplicates, estimated_seconds: seconds },
    cost: costOf(spooled, Math.min(settings.MAX_UNKNOWN_CHARGES, settings.MAX_ATTEMPTS)),
    ...{ errors: [...faults], error_count: faultCount, truncated: faultCount > faults.length },
  };
}

/** @param mostCalls paid ones of one song within its limits */
function costOf({ models, prices }: Spooled, mostCalls: number): BatchQuote['cost'] {
  const priced = Object.entries(prices);
  const currencies = new Set(priced.map(([, { currency }]) => currency));
  const [currency] = currencies;
  if (currency === undefined || currencies.size > 1) return { currency: null, low: null, high: null };
  const sum = (calls: number) =>
    priced.map(([model, { amount }]) => timesExactly(amount, (models[model] ?? 0) * calls)).reduce(sumExactly);
  return { currency, low: sum(1), high: sum(mostCalls) };
}
