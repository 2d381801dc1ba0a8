import { apiKeyRequestSchema, apiKeySchema } from '@songmill/shared/contract/api-key';
import { bulkActionSchema, bulkQuoteSchema, bulkRequestSchema } from '@songmill/shared/contract/bulk-action';
import { generationRequestSchema, generationSchema } from '@songmill/shared/contract/generation';
import { referenceSchema } from '@songmill/shared/contract/reference';
import { modelListSchema } from '@songmill/shared/contract/model-list';
import type { ProblemCode, Scope } from '@songmill/shared/contract/words';
import { pauseRequestSchema, queueListSchema, queueSchema } from '@songmill/shared/contract/queue';
import { workerListSchema } from '@songmill/shared/contract/worker';
import { z } from 'zod';
import type { Handler } from './context.ts';
import { BATCH_RESULT_ROUTES } from './batch/result-routes.ts';
import { BATCH_ROUTES } from './batch/routes.ts';
import { apiKeyQuerySchema, createApiKey, listApiKeys, revokeApiKey } from './operate/api-keys.ts';
import {
  bulkQuerySchema,
  cancelBulkAction,
  createBulkAction,
  getBulkAction,
  listBulkActions,
} from './operate/bulk-actions.ts';
import { listQueues, pauseQueue, resumeQueue } from './operate/queues.ts';
import { listWorkers } from './operate/workers.ts';
import { getLiveness, getReadiness } from './operate/health.ts';
import { readinessSchema } from './operate/readiness.ts';
import { emptyBodySchema, resolveBodySchema } from './request/action-bodies.ts';
import { cancelGeneration } from './request/cancel-generation.ts';
import { createGeneration } from './request/create-generation.ts';
import { createReference } from './request/create-reference.ts';
import { deleteGeneration } from './request/delete-generation.ts';
import { getDocsAsset, getDocsPage, getErrorsPage, getOpenapi } from './request/docs-pages.ts';
import { generationFormSchema, referenceFormSchema } from './request/form-schema.ts';
import { getAudio } from './request/get-audio.ts';
import { getGeneration } from './request/get-generation.ts';
import { listGenerations } from './request/list-generations.ts';
import { listModels } from './request/list-models.ts';
import { listQuerySchema } from './request/list-query.ts';
import {
  deleteReference,
  getReference,
  listReferences,
  referenceQuerySchema,
  retryReference,
} from './request/references.ts';
import { resolveGeneration, retryGeneration } from './request/reopen-generation.ts';
import { EVENT_ROUTES } from './stream/routes.ts';
import { WEBHOOK_ROUTES } from './webhook/routes.ts';

/** One answer: a JSON shape, or `audio`, `events`, `html`, `file` for bytes, or null for none. */
type AnswerShape = z.ZodType | 'audio' | 'events' | 'html' | 'file' | null;

/** A row of the HTTP surface: what is served, to whom, by which function, in which shapes. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Parts in braces are parameters. */
  readonly path: string;
  readonly pattern: string;
  /** What the key must be allowed to do; null = no key. */
  readonly scope: Scope | null;
  readonly handle: Handler;
  /** Name and summary in openapi.json. */
  readonly name: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly headers?: readonly (
    | 'Idempotency-Key'
    | 'Prefer'
    | 'If-None-Match'
    | 'Range'
    | 'If-Range'
    | 'Last-Event-ID'
  )[];
  readonly json?: z.ZodType;
  /** The body may be left out. */
  readonly bodyOptional?: true;
  readonly form?: z.ZodType;
  /** Bodies that are text of their own kind. */
  readonly textTypes?: readonly string[];
  readonly answers: Readonly<Record<number, AnswerShape>>;
  /** A 200 is a stream of events for those who accept one. */
  readonly alsoStreams?: true;
  /** Besides those that every route of its kind can give. */
  readonly problems?: readonly ProblemCode[];
}

const generationPage = z
  .object({ data: z.array(generationSchema), has_more: z.boolean(), next_cursor: z.string().nullable() })
  .meta({ id: 'GenerationPage' });
const referencePage = z
  .object({ data: z.array(referenceSchema), has_more: z.boolean(), next_cursor: z.string().nullable() })
  .meta({ id: 'ReferencePage' });
const apiKeyPage = z
  .object({ data: z.array(apiKeySchema), has_more: z.boolean(), next_cursor: z.string().nullable() })
  .meta({ id: 'ApiKeyPage' });
const bulkActionPage = z
  .object({ data: z.array(bulkActionSchema), has_more: z.boolean(), next_cursor: z.string().nullable() })
  .meta({ id: 'BulkActionPage' });
const liveness = z.object({ status: z.literal('ok') }).meta({ id: 'Liveness' });

const GENERATION = '/v1/generations/{id}';

function row(line: Omit<Route, 'pattern'>): Route {
  return { ...line, pattern: line.path };
}

/** The whole HTTP surface. The router, openapi.json and their tests read it. */
export const ROUTES: readonly Route[] = [
  row({
    ...{ method: 'POST', path: '/v1/generations', scope: 'generate', handle: createGeneration },
    ...{ name: 'createGeneration', summary: 'Ask for one song' },
    headers: ['Idempotency-Key', 'Prefer'],
    ...{ json: generationRequestSchema, form: generationFormSchema },
    answers: { 200: generationSchema, 202: generationSchema },
    problems: ['gone', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused', 'queue_full'],
  }),
  row({
    ...{ method: 'GET', path: '/v1/generations', scope: 'read', handle: listGenerations },
    ...{ name: 'listGenerations', summary: 'List generations, newest first' },
    query: listQuerySchema,
    answers: { 200: generationPage },
  }),
  row({
    ...{ method: 'GET', path: GENERATION, scope: 'read', handle: getGeneration },
    ...{ name: 'getGeneration', summary: 'Read one generation, or wait until it settles' },
    headers: ['Prefer', 'If-None-Match'],
    answers: { 200: generationSchema, 304: null },
    problems: ['not_found'],
  }),
  row({
    ...{ method: 'DELETE', path: GENERATION, scope: 'generate', handle: deleteGeneration },
    ...{ name: 'deleteGeneration', summary: 'Delete the text and the audio of a settled generation' },
    answers: { 204: null },
    problems: ['not_found', 'conflict'],
  }),
  row({
    ...{ method: 'POST', path: `${GENERATION}/cancel`, scope: 'generate', handle: cancelGeneration },
    ...{ name: 'cancelGeneration', summary: 'Cancel at once; a call already sent is paid and left to finish' },
    ...{ json: emptyBodySchema, bodyOptional: true },
    answers: { 200: generationSchema },
    problems: ['not_found', 'conflict', 'body_too_large', 'unsupported_media_type'],
  }),
  row({
    ...{ method: 'POST', path: `${GENERATION}/retry`, scope: 'generate', handle: retryGeneration },
    ...{ name: 'retryGeneration', summary: 'Start a new run of what failed or was canceled' },
    headers: ['Idempotency-Key'],
    ...{ json: emptyBodySchema, bodyOptional: true },
    answers: { 202: generationSchema },
    problems: ['not_found', 'conflict', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  }),
  row({
    ...{ method: 'POST', path: `${GENERATION}/resolve`, scope: 'generate', handle: resolveGeneration },
    ...{ name: 'resolveGeneration', summary: 'Decide what happens to a generation that needs review' },
    headers: ['Idempotency-Key'],
    json: resolveBodySchema,
    answers: { 200: generationSchema },
    problems: ['not_found', 'conflict', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  }),
  row({
    ...{ method: 'GET', path: `${GENERATION}/audio`, scope: 'read', handle: getAudio },
    ...{ name: 'getAudio', summary: 'Download the song or a part of it' },
    headers: ['Range', 'If-Range', 'If-None-Match'],
    answers: { 200: 'audio', 206: 'audio', 304: null },
    problems: ['not_found', 'audio_not_ready', 'gone', 'range_not_satisfiable', 'storage_unavailable'],
  }),
  row({
    ...{ method: 'GET', path: '/v1/models', scope: 'read', handle: listModels },
    ...{ name: 'listModels', summary: 'What this server makes songs with: limits, prices, holds' },
    answers: { 200: modelListSchema },
  }),
  row({
    ...{ method: 'POST', path: '/v1/references', scope: 'generate', handle: createReference },
    ...{ name: 'createReference', summary: 'Upload a voice, an instrumental or a song to refer to' },
    headers: ['Idempotency-Key'],
    form: referenceFormSchema,
    answers: { 202: referenceSchema },
    problems: ['gone', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused', 'storage_unavailable'],
  }),
  row({
    ...{ method: 'GET', path: '/v1/references', scope: 'read', handle: listReferences },
    ...{ name: 'listReferences', summary: 'List references, newest first' },
    query: referenceQuerySchema,
    answers: { 200: referencePage },
  }),
  row({
    ...{ method: 'GET', path: '/v1/references/{id}', scope: 'read', handle: getReference },
    ...{ name: 'getReference', summary: 'Read one reference' },
    answers: { 200: referenceSchema },
    problems: ['not_found'],
  }),
  row({
    ...{ method: 'DELETE', path: '/v1/references/{id}', scope: 'generate', handle: deleteReference },
    ...{ name: 'deleteReference', summary: 'Delete a reference and its file' },
    answers: { 204: null },
    problems: ['not_found', 'conflict'],
  }),
  row({
    ...{ method: 'POST', path: '/v1/references/{id}/retry', scope: 'generate', handle: retryReference },
    ...{ name: 'retryReference', summary: 'Upload a settled reference again; it gets new ids' },
    headers: ['Idempotency-Key'],
    ...{ json: emptyBodySchema, bodyOptional: true },
    answers: { 202: referenceSchema },
    problems: ['not_found', 'conflict', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  }),
  ...BATCH_ROUTES,
  ...BATCH_RESULT_ROUTES,
  ...EVENT_ROUTES,
  ...WEBHOOK_ROUTES,
  row({
    ...{ method: 'GET', path: '/v1/queues', scope: 'operate', handle: listQueues },
    ...{ name: 'listQueues', summary: 'What waits in each queue, and what stops it' },
    answers: { 200: queueListSchema },
  }),
  row({
    ...{ method: 'POST', path: '/v1/queues/{name}/pause', scope: 'operate', handle: pauseQueue },
    ...{ name: 'pauseQueue', summary: 'Start nothing new; what runs goes on' },
    ...{ json: pauseRequestSchema, bodyOptional: true },
    answers: { 200: queueSchema },
    problems: ['not_found', 'body_too_large', 'unsupported_media_type'],
  }),
  row({
    ...{ method: 'POST', path: '/v1/queues/{name}/resume', scope: 'operate', handle: resumeQueue },
    ...{ name: 'resumeQueue', summary: 'Lift the pause, and probe every hold now' },
    ...{ json: emptyBodySchema, bodyOptional: true },
    answers: { 200: queueSchema },
    problems: ['not_found', 'body_too_large', 'unsupported_media_type'],
  }),
  row({
    ...{ method: 'GET', path: '/v1/workers', scope: 'operate', handle: listWorkers },
    ...{ name: 'listWorkers', summary: 'The processes that make the calls' },
    answers: { 200: workerListSchema },
  }),
  row({
    ...{ method: 'POST', path: '/v1/bulk-actions', scope: 'operate', handle: createBulkAction },
    ...{ name: 'createBulkAction', summary: 'Act on everything that a filter matches, or say how much that is' },
    headers: ['Idempotency-Key'],
    json: bulkRequestSchema,
    answers: { 200: bulkQuoteSchema, 202: bulkActionSchema },
    problems: ['not_found', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  }),
  row({
    ...{ method: 'GET', path: '/v1/bulk-actions', scope: 'operate', handle: listBulkActions },
    ...{ name: 'listBulkActions', summary: 'List bulk actions, newest first' },
    query: bulkQuerySchema,
    answers: { 200: bulkActionPage },
  }),
  row({
    ...{ method: 'GET', path: '/v1/bulk-actions/{id}', scope: 'operate', handle: getBulkAction },
    ...{ name: 'getBulkAction', summary: 'Read one bulk action: how far it is' },
    answers: { 200: bulkActionSchema },
    problems: ['not_found'],
  }),
  row({
    ...{ method: 'POST', path: '/v1/bulk-actions/{id}/cancel', scope: 'operate', handle: cancelBulkAction },
    ...{ name: 'cancelBulkAction', summary: 'Stop a bulk action; what it did stays' },
    ...{ json: emptyBodySchema, bodyOptional: true },
    answers: { 200: bulkActionSchema },
    problems: ['not_found', 'conflict', 'body_too_large', 'unsupported_media_type'],
  }),
  row({
    ...{ method: 'POST', path: '/v1/api-keys', scope: 'admin', handle: createApiKey },
    ...{ name: 'createApiKey', summary: 'Make an API key; it is shown this once' },
    headers: ['Idempotency-Key'],
    json: apiKeyRequestSchema,
    answers: { 201: apiKeySchema },
    problems: ['gone', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  }),
  row({
    ...{ method: 'GET', path: '/v1/api-keys', scope: 'admin', handle: listApiKeys },
    ...{ name: 'listApiKeys', summary: 'List API keys, newest first' },
    query: apiKeyQuerySchema,
    answers: { 200: apiKeyPage },
  }),
  row({
    ...{ method: 'DELETE', path: '/v1/api-keys/{id}', scope: 'admin', handle: revokeApiKey },
    ...{ name: 'revokeApiKey', summary: 'Revoke an API key at once' },
    answers: { 204: null },
    problems: ['not_found'],
  }),
  row({
    ...{ method: 'GET', path: '/livez', scope: null, handle: getLiveness },
    ...{ name: 'getLiveness', summary: 'Whether this process answers' },
    answers: { 200: liveness },
  }),
  row({
    ...{ method: 'GET', path: '/readyz', scope: null, handle: getReadiness },
    ...{ name: 'getReadiness', summary: 'Whether requests can be served, and each dependency' },
    answers: { 200: readinessSchema, 503: readinessSchema },
  }),
  row({
    ...{ method: 'GET', path: '/openapi.json', scope: null, handle: getOpenapi },
    ...{ name: 'getOpenapi', summary: 'This document' },
    answers: { 200: z.looseObject({ openapi: z.string() }) },
  }),
  row({
    ...{ method: 'GET', path: '/docs', scope: null, handle: getDocsPage },
    ...{ name: 'getDocs', summary: 'This document as a page' },
    answers: { 200: 'html' },
  }),
  row({
    ...{ method: 'GET', path: '/docs/errors', scope: null, handle: getErrorsPage },
    ...{ name: 'getErrors', summary: 'Every error code and what to do; where the `type` of problems leads' },
    answers: { 200: 'html' },
  }),
  row({
    ...{ method: 'GET', path: '/docs/assets/{file}', scope: null, handle: getDocsAsset },
    ...{ name: 'getDocsAsset', summary: 'Scripts and styles of the page' },
    answers: { 200: 'file' },
    problems: ['not_found'],
  }),
];
