import type { Batch, BatchCounts, BatchStatus } from '../../contract/batch.ts';
import type { Price } from '../../contract/models.ts';
import { sumExactly, timesExactly } from '../../contract/money.ts';
import { rfc3339 } from './present.ts';

/** A batch as Redis holds it, parsed. Times are Unix milliseconds of Redis' own clock. */
export interface BatchRecord {
  readonly id: string;
  readonly project: string;
  readonly status: BatchStatus;
  readonly sequence: number;
  /** Microseconds; the order of lists, and their cursor. */
  readonly ordinal: number;
  readonly finishedMs: number | null;
  readonly counts: BatchCounts;
  /** Items in storage, their bytes there, how many of them are recorded, and where the next one begins. */
  readonly valid: number;
  readonly bytes: number;
  readonly ingested: number;
  readonly offset: number;
  readonly name: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly webhook: { readonly url: string; readonly events: string[] } | null;
  readonly cost: Batch['cost'];
  readonly error: Batch['error'];
}

/** Turns the hash of a batch into its typed form; null for an empty one. */
export function parseBatch(id: string, hash: Readonly<Record<string, string>>): BatchRecord | null {
  if (hash['project'] === undefined) return null;
  const number = (name: string) => Number(hash[name] ?? 0);
  return {
    ...{ id, project: hash['project'], status: hash['status'] as BatchStatus, sequence: number('sequence') },
    ordinal: number('ordinal'),
    finishedMs: hash['finished_at'] ? Number(hash['finished_at']) : null,
    counts: {
      ...{ total: number('total'), queued: number('n:queued'), processing: number('n:processing') },
      ...{ succeeded: number('n:succeeded'), failed: number('n:failed'), canceled: number('n:canceled') },
      ...{ needs_review: number('n:needs_review'), skipped: number('skipped') },
    },
    ...{ valid: number('valid'), bytes: number('bytes'), ingested: number('ingested'), offset: number('offset') },
    name: hash['name'] || null,
    metadata: JSON.parse(hash['metadata'] ?? '{}') as Record<string, string>,
    webhook: hash['webhook'] ? (JSON.parse(hash['webhook']) as BatchRecord['webhook']) : null,
    cost: costOfBatch(hash),
    error: hash['error'] ? (JSON.parse(hash['error']) as Batch['error']) : null,
  };
}

/** What all items cost by the prices of when the batch was accepted; all null without prices, or with several currencies. */
function costOfBatch(hash: Readonly<Record<string, string>>): Batch['cost'] {
  const prices = JSON.parse(hash['prices'] ?? '{}') as Record<string, Price>;
  const currencies = new Set(Object.values(prices).map(({ currency }) => currency));
  const [currency] = currencies;
  if (currency === undefined || currencies.size > 1) {
    return { currency: null, estimated: null, charged: null, unknown: null };
  }
  const sum = (what: string) =>
    Object.entries(prices)
      .map(([model, { amount }]) => timesExactly(amount, Number(hash[`c:${model}:${what}`] ?? 0)))
      .reduce(sumExactly);
  return { currency, estimated: sum('n'), charged: sum('charged'), unknown: sum('unknown') };
}

/** How long the rest takes; null when nobody knows. */
export interface BatchEta {
  readonly seconds: number | null;
  readonly basis: string | null;
}

/** A batch as answers and events show it. Pure: the same record gives the same answer. */
export function presentBatch(
  batch: BatchRecord,
  publicUrl: string | null,
  eta: BatchEta = { seconds: null, basis: null },
): Batch {
  const root = publicUrl?.replace(/\/$/, '') ?? '';
  const self = `${root}/v1/batches/${batch.id}`;
  return {
    ...{ id: batch.id, object: 'batch', project: batch.project, status: batch.status, sequence: batch.sequence },
    created_at: rfc3339(Math.floor(batch.ordinal / 1000)),
    finished_at: batch.finishedMs === null ? null : rfc3339(batch.finishedMs),
    ...{ counts: batch.counts, eta_seconds: eta.seconds, eta_basis: eta.basis },
    ...{
      name: batch.name,
      metadata: { ...batch.metadata },
      webhook: batch.webhook,
      cost: batch.cost,
      error: batch.error,
    },
    links: {
      ...{ self, events: `${self}/events`, generations: `${root}/v1/generations?batch_id=${batch.id}` },
      ...{ results: `${self}/results`, errors: `${self}/errors` },
      ...{ cancel: `${self}/cancel`, retry: `${self}/retry`, resolve: `${self}/resolve` },
    },
  };
}
