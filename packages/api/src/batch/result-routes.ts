import { batchSchema } from '@songmill/shared/contract/batch';
import { emptyBodySchema, resolveBodySchema } from '../request/action-bodies.ts';
import type { Route } from '../routes.ts';
import { batchRetrySchema, cancelBatch, deleteBatch, resolveBatch, retryBatch } from './actions.ts';
import { errorsQuerySchema, getBatchErrors } from './errors.ts';
import { getBatchResults, resultsQuerySchema } from './results.ts';

const BATCH = '/v1/batches/{id}';
const PROBLEMS = [
  'not_found',
  'conflict',
  'body_too_large',
  'unsupported_media_type',
  'idempotency_key_reused',
] as const;

const rows: readonly Omit<Route, 'pattern'>[] = [
  {
    ...{ method: 'GET', path: `${BATCH}/results`, scope: 'read', handle: getBatchResults },
    ...{ name: 'getBatchResults', summary: 'Settled items in input order, while the batch runs, too' },
    query: resultsQuerySchema,
    answers: { 200: 'file' },
    problems: ['not_found', 'storage_unavailable'],
  },
  {
    ...{ method: 'GET', path: `${BATCH}/errors`, scope: 'read', handle: getBatchErrors },
    ...{ name: 'getBatchErrors', summary: 'What failed or was canceled, as lines that can be submitted again' },
    query: errorsQuerySchema,
    answers: { 200: 'file' },
    problems: ['not_found', 'storage_unavailable'],
  },
  {
    ...{ method: 'POST', path: `${BATCH}/cancel`, scope: 'generate', handle: cancelBatch },
    ...{ name: 'cancelBatch', summary: 'No further call of it starts; calls already sent are left to finish' },
    headers: ['Idempotency-Key'],
    ...{ json: emptyBodySchema, bodyOptional: true },
    answers: { 202: batchSchema },
    problems: PROBLEMS,
  },
  {
    ...{ method: 'POST', path: `${BATCH}/retry`, scope: 'generate', handle: retryBatch },
    ...{ name: 'retryBatch', summary: 'New runs of what failed or was canceled' },
    headers: ['Idempotency-Key'],
    ...{ json: batchRetrySchema, bodyOptional: true },
    answers: { 202: batchSchema },
    problems: PROBLEMS,
  },
  {
    ...{ method: 'POST', path: `${BATCH}/resolve`, scope: 'generate', handle: resolveBatch },
    ...{ name: 'resolveBatch', summary: 'Decide what happens to every item that needs review' },
    headers: ['Idempotency-Key'],
    json: resolveBodySchema,
    answers: { 202: batchSchema },
    problems: PROBLEMS,
  },
  {
    ...{ method: 'DELETE', path: BATCH, scope: 'generate', handle: deleteBatch },
    ...{ name: 'deleteBatch', summary: 'Delete a settled batch with its texts and songs' },
    answers: { 204: null },
    problems: ['not_found', 'conflict'],
  },
];

/** What a batch gave, and what can be done to all of it. */
export const BATCH_RESULT_ROUTES: readonly Route[] = rows.map((row) => ({ ...row, pattern: row.path }));
