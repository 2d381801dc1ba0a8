import { batchQuoteSchema, batchRequestSchema, batchSchema } from '@songmill/shared/contract/batch';
import { z } from 'zod';
import type { Route } from '../routes.ts';
import { streamBatch } from './batch-events.ts';
import { createBatch } from './create-batch.ts';
import { batchListQuerySchema, getBatch, listBatches } from './get-batches.ts';

const batchPage = z
  .object({ data: z.array(batchSchema), has_more: z.boolean(), next_cursor: z.string().nullable() })
  .meta({ id: 'BatchPage' });

const BATCHES = '/v1/batches';
const BATCH = '/v1/batches/{id}';

/** Options of a batch in NDJSON or CSV, as openapi.json shows them; `batch-query.ts` of the contract judges them. */
const submitQuerySchema = z.object({
  dry_run: z.enum(['true', 'false']).optional().meta({ description: 'only judge and quote' }),
  name: z.string().optional(),
  on_invalid: z.enum(['reject', 'skip']).optional().meta({ description: 'NDJSON and CSV; in JSON the body says it' }),
  columns: z.string().optional().meta({ description: 'CSV: `lyrics:Text,custom_id:Id`' }),
  extra_columns: z.enum(['reject', 'ignore', 'metadata']).optional(),
  delimiter: z.string().optional().meta({ description: 'CSV: `,` `;` or `tab`; found from the header' }),
});

/** Many generations submitted together. */
export const BATCH_ROUTES: readonly Route[] = [
  {
    ...{ method: 'POST', path: BATCHES, pattern: BATCHES, scope: 'generate', handle: createBatch },
    ...{ name: 'createBatch', summary: 'Ask for many songs at once: JSON, NDJSON or CSV' },
    headers: ['Idempotency-Key'],
    ...{ query: submitQuerySchema, json: batchRequestSchema, textTypes: ['application/x-ndjson', 'text/csv'] },
    answers: { 200: batchQuoteSchema, 202: batchSchema },
    problems: [
      ...(['conflict', 'gone', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'] as const),
      ...(['queue_full', 'storage_unavailable'] as const),
    ],
  },
  {
    ...{ method: 'GET', path: BATCHES, pattern: BATCHES, scope: 'read', handle: listBatches },
    ...{ name: 'listBatches', summary: 'List batches, newest first' },
    query: batchListQuerySchema,
    answers: { 200: batchPage },
  },
  {
    ...{ method: 'GET', path: BATCH, pattern: BATCH, scope: 'read', handle: getBatch },
    ...{ name: 'getBatch', summary: 'Read one batch: counts, cost, how long the rest takes' },
    answers: { 200: batchSchema },
    problems: ['not_found'],
  },
  {
    ...{ method: 'GET', path: `${BATCH}/events`, pattern: `${BATCH}/events`, scope: 'read', handle: streamBatch },
    ...{ name: 'streamBatch', summary: 'Follow one batch until it ends (server-sent events)' },
    headers: ['Last-Event-ID'],
    answers: { 200: 'events', 204: null },
    problems: ['not_found'],
  },
];
