import { z } from 'zod';
import { DELIVERY_STATUSES } from './webhook.ts';
import { GENERATION_ERROR_CODES, SETTLED_STATUSES, type Status } from './words.ts';

const time = z.string().meta({ description: 'RFC 3339, UTC, milliseconds' });
const moment = z.iso.datetime({ offset: true, error: 'an RFC 3339 time, such as 2026-01-31T12:00:00Z' });

/** Which generations each action can be done to; the first look-up of a filter without `status`. */
export const ACTION_STATUSES = {
  retry: ['failed', 'canceled'],
  cancel: ['scheduled', 'queued', 'processing', 'needs_review'],
  resolve: ['needs_review'],
  delete: SETTLED_STATUSES,
} as const satisfies Readonly<Record<string, readonly Status[]>>;

export const BULK_STATUSES = ['running', 'completed', 'canceled'] as const;
export type BulkStatus = (typeof BULK_STATUSES)[number];

const named = (prefix: string) => z.string().regex(new RegExp(`^${prefix}_[0-9A-Za-z]{1,64}$`), 'an id');
const project = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'the name of a project');
const some = { error: 'an empty filter would match everything; name at least one field' };
const notEmpty = (filter: object) => Object.values(filter).some((value) => value !== undefined);

const statusesOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.array(z.enum(words)).min(1).optional();

/** The filters of `GET /v1/generations`, as fields. */
function generationFilter<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z
    .strictObject({
      status: statusesOf(words),
      batch_id: named('bat').optional(),
      custom_id: z.string().min(1).max(128).optional(),
      error_code: z.enum(GENERATION_ERROR_CODES).optional(),
      model: z.string().min(1).max(64).optional(),
      created_after: moment.optional(),
      created_before: moment.optional(),
      project: project.optional(),
    })
    .refine(notEmpty, some);
}

const deliveryFilter = z
  .strictObject({
    status: statusesOf(DELIVERY_STATUSES),
    endpoint_id: named('whe').optional(),
    generation_id: named('gen').optional(),
    batch_id: named('bat').optional(),
    event_id: named('evt').optional(),
    project: project.optional(),
  })
  .refine(notEmpty, some);

/** What a human found out about calls whose charge is unknown, and what follows from it. */
export const resolveParamsSchema = z.strictObject({ charged: z.boolean(), action: z.enum(['retry', 'fail']) });
export type ResolveParams = z.output<typeof resolveParamsSchema>;

const none = z.strictObject({}).default({});
const dry_run = z.boolean().default(false).meta({ description: 'only say how many match, and what that would cost' });

/** Body of `POST /v1/bulk-actions`. */
export const bulkRequestSchema = z
  .discriminatedUnion('action', [
    z.strictObject({
      ...{ action: z.literal('retry'), filter: generationFilter(ACTION_STATUSES.retry), params: none, dry_run },
    }),
    z.strictObject({
      ...{ action: z.literal('cancel'), filter: generationFilter(ACTION_STATUSES.cancel), params: none, dry_run },
    }),
    z.strictObject({
      ...{ action: z.literal('resolve'), filter: generationFilter(ACTION_STATUSES.resolve) },
      ...{ params: resolveParamsSchema, dry_run },
    }),
    z.strictObject({ action: z.literal('redeliver'), filter: deliveryFilter, params: none, dry_run }),
  ])
  .meta({ id: 'BulkActionRequest' });
export type BulkRequest = z.output<typeof bulkRequestSchema>;
export type GenerationFilter = Exclude<BulkRequest, { action: 'redeliver' }>['filter'];
export type DeliveryFilter = Extract<BulkRequest, { action: 'redeliver' }>['filter'];

const count = z.number().int();

/** One action on everything that a filter matched when it was asked for. */
export const bulkActionSchema = z
  .object({
    id: z.string(),
    object: z.literal('bulk_action'),
    action: z.enum(['retry', 'cancel', 'resolve', 'redeliver', 'delete']).meta({ description: '`delete`: of a batch' }),
    status: z.enum(BULK_STATUSES),
    filter: z.record(z.string(), z.unknown()),
    params: z.record(z.string(), z.unknown()),
    batch_id: z.string().nullable().meta({ description: 'of an action on a batch' }),
    matched: count.meta({ description: 'when it was asked for' }),
    done: count,
    failed: count.meta({ description: 'what had moved on meanwhile' }),
    created_by: z.string().meta({ description: 'id of the API key' }),
    created_at: time,
    finished_at: time.nullable(),
  })
  .meta({ id: 'BulkAction' });
export type BulkAction = z.output<typeof bulkActionSchema>;

/** What `dry_run` answers. */
export const bulkQuoteSchema = z
  .object({
    object: z.literal('bulk_quote'),
    matched: count,
    cost: z
      .object({ currency: z.string().nullable(), estimated: z.string().nullable() })
      .meta({ description: 'of one call for each song that would be made; null without a price, or when none is' }),
  })
  .meta({ id: 'BulkQuote' });
export type BulkQuote = z.output<typeof bulkQuoteSchema>;
