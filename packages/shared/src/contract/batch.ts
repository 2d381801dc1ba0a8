import { z } from 'zod';
import { requestWebhookSchema } from './webhook.ts';

const time = z.string().meta({ description: 'RFC 3339, UTC, milliseconds' });

/** Where a batch can be. All but the first two are ends; a retry or a resolve of an item opens it again. */
export const BATCH_STATUSES = [
  'ingesting',
  'processing',
  'completed',
  'completed_with_errors',
  'failed',
  'canceled',
] as const;
export type BatchStatus = (typeof BATCH_STATUSES)[number];

/** True for a status that ends waits. An unknown one does not. */
export function isBatchSettled(status: string): boolean {
  return status !== 'ingesting' && status !== 'processing' && (BATCH_STATUSES as readonly string[]).includes(status);
}

export const BATCH_EVENTS = ['batch.completed', 'batch.canceled'] as const;

/** `webhook` of a batch: a URL that is told how the batch ended; items get theirs from `defaults` or their own. */
export const batchWebhookSchema = requestWebhookSchema
  .extend({
    events: z
      .array(z.enum(BATCH_EVENTS))
      .min(1)
      .transform((list) => [...new Set(list)])
      .default([...BATCH_EVENTS]),
  })
  .meta({ id: 'BatchWebhook' });
export type BatchWebhook = z.output<typeof batchWebhookSchema>;

const count = z.number().int();

export const batchCountsSchema = z
  .object({
    total: count,
    queued: count.meta({ description: 'scheduled ones and those not yet recorded, too' }),
    processing: count,
    succeeded: count,
    failed: count,
    canceled: count,
    needs_review: count,
    skipped: count.meta({ description: 'lines that were refused, with on_invalid=skip' }),
  })
  .meta({ id: 'BatchCounts', description: 'The others always sum to `total`' });
export type BatchCounts = z.output<typeof batchCountsSchema>;

const cost = z.object({
  currency: z.string().nullable(),
  estimated: z.string().nullable(),
  charged: z.string().nullable(),
  unknown: z.string().nullable(),
});

export const batchSchema = z
  .object({
    id: z.string(),
    object: z.literal('batch'),
    project: z.string(),
    status: z.enum(BATCH_STATUSES),
    sequence: count.meta({ description: 'rises with every change of `counts` or `status`' }),
    created_at: time,
    finished_at: time.nullable(),
    counts: batchCountsSchema,
    eta_seconds: z.number().nullable().meta({ description: 'until the last song is made, as far as anybody can know' }),
    eta_basis: z.string().nullable().meta({ description: 'what `eta_seconds` was reckoned from' }),
    name: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    webhook: z.object({ url: z.string(), events: z.array(z.string()) }).nullable(),
    cost,
    error: z
      .object({ code: z.string(), message: z.string() })
      .nullable()
      .meta({ description: 'why items could not be recorded' }),
    links: z.object({
      ...{ self: z.string(), events: z.string(), generations: z.string(), results: z.string(), errors: z.string() },
      ...{ cancel: z.string(), retry: z.string(), resolve: z.string() },
    }),
  })
  .meta({ id: 'Batch' });

/** Many generations submitted together, as every answer shows it. */
export type Batch = z.output<typeof batchSchema>;

/** One fault of one item: `line` and `column` count from 1, `pointer` is a JSON pointer into the item (JSON: into the body). */
export const itemFaultSchema = z
  .object({
    line: count.meta({ description: 'of the file, from 1' }),
    column: count.nullable().meta({ description: 'CSV: the column, from 1; broken JSON: the character' }),
    pointer: z.string(),
    code: z.string(),
    message: z.string(),
  })
  .meta({ id: 'ItemFault' });
export type ItemFault = z.output<typeof itemFaultSchema>;

/** How many faults an answer holds; all are counted. */
export const MOST_FAULTS_TOLD = 1000;

/** What `dry_run=true` answers. */
export const batchQuoteSchema = z
  .object({
    object: z.literal('batch_quote'),
    would_accept: z.boolean(),
    total: count,
    valid: count,
    invalid: count.meta({ description: 'items with a fault, duplicates included' }),
    duplicates: count,
    estimated_seconds: z.number().nullable(),
    cost: z.object({ currency: z.string().nullable(), low: z.string().nullable(), high: z.string().nullable() }).meta({
      description: '`low`: each song at its first call; `high`: as many paid calls as the limits allow',
    }),
    errors: z.array(itemFaultSchema),
    error_count: count,
    truncated: z.boolean(),
  })
  .meta({ id: 'BatchQuote' });
export type BatchQuote = z.output<typeof batchQuoteSchema>;

export const ON_INVALID = ['reject', 'skip'] as const;
export const EXTRA_COLUMNS = ['reject', 'ignore', 'metadata'] as const;
export type ExtraColumns = (typeof EXTRA_COLUMNS)[number];

const pairs = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((object) => Object.keys(object).length <= 16, 'at most 16 pairs');

/** What a batch is submitted with besides its items. */
export const batchOptionsSchema = z.strictObject({
  name: z.string().min(1).max(200).nullable().default(null),
  metadata: pairs.default({}),
  webhook: batchWebhookSchema.nullable().default(null),
  on_invalid: z.enum(ON_INVALID).default('reject'),
  defaults: z
    .record(z.string(), z.unknown())
    .default({})
    .meta({ description: 'fields of items that do not have their own' }),
});
export type BatchOptions = z.output<typeof batchOptionsSchema>;

/** The body of `POST /v1/batches` as JSON. Items are judged one by one, as generations. */
export const batchRequestSchema = batchOptionsSchema
  .extend({ items: z.array(z.looseObject({})).min(1).meta({ description: 'each as a GenerationRequest' }) })
  .meta({ id: 'BatchRequest' });
