import {
  deliverySchema,
  endpointChangeSchema,
  endpointRequestSchema,
  endpointSchema,
  recoverRequestSchema,
  recoverySchema,
  rotateRequestSchema,
  webhookSecretSchema,
} from '@songmill/shared/contract/webhook';
import { z } from 'zod';
import { emptyBodySchema } from '../request/action-bodies.ts';
import type { Route } from '../routes.ts';
import { deliveryQuerySchema, getDelivery, listDeliveries, redeliverDelivery } from './deliveries.ts';
import {
  getWebhookSecret,
  recoverEndpoint,
  rotateEndpointSecret,
  rotateWebhookSecret,
  testEndpoint,
} from './endpoint-actions.ts';
import {
  changeEndpoint,
  createEndpoint,
  deleteEndpoint,
  endpointQuerySchema,
  getEndpoint,
  listEndpoints,
} from './endpoints.ts';

const page = (item: z.ZodType, id: string) =>
  z.object({ data: z.array(item), has_more: z.boolean(), next_cursor: z.string().nullable() }).meta({ id });

const ENDPOINTS = '/v1/webhook-endpoints';
const ENDPOINT = `${ENDPOINTS}/{id}`;
const DELIVERIES = '/v1/webhook-deliveries';

const rows: readonly Omit<Route, 'pattern'>[] = [
  {
    ...{ method: 'POST', path: ENDPOINTS, scope: 'generate', handle: createEndpoint },
    ...{ name: 'createWebhookEndpoint', summary: 'Have events told to a URL; its secret is shown this once' },
    headers: ['Idempotency-Key'],
    json: endpointRequestSchema,
    answers: { 201: endpointSchema },
    problems: ['gone', 'conflict', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  },
  {
    ...{ method: 'GET', path: ENDPOINTS, scope: 'read', handle: listEndpoints },
    ...{ name: 'listWebhookEndpoints', summary: 'List webhook endpoints, newest first' },
    query: endpointQuerySchema,
    answers: { 200: page(endpointSchema, 'WebhookEndpointPage') },
  },
  {
    ...{ method: 'GET', path: ENDPOINT, scope: 'read', handle: getEndpoint },
    ...{ name: 'getWebhookEndpoint', summary: 'Read one webhook endpoint' },
    answers: { 200: endpointSchema },
    problems: ['not_found'],
  },
  {
    ...{ method: 'PATCH', path: ENDPOINT, scope: 'generate', handle: changeEndpoint },
    ...{ name: 'changeWebhookEndpoint', summary: 'Change a webhook endpoint; enabling it begins anew' },
    json: endpointChangeSchema,
    answers: { 200: endpointSchema },
    problems: ['not_found', 'body_too_large', 'unsupported_media_type'],
  },
  {
    ...{ method: 'DELETE', path: ENDPOINT, scope: 'generate', handle: deleteEndpoint },
    ...{ name: 'deleteWebhookEndpoint', summary: 'Delete a webhook endpoint; what waits for it is canceled' },
    answers: { 204: null },
    problems: ['not_found'],
  },
  {
    ...{ method: 'POST', path: `${ENDPOINT}/rotate-secret`, scope: 'generate', handle: rotateEndpointSecret },
    ...{ name: 'rotateWebhookEndpointSecret', summary: 'A new secret; the old one signs beside it for a time' },
    headers: ['Idempotency-Key'],
    ...{ json: rotateRequestSchema, bodyOptional: true },
    answers: { 200: endpointSchema },
    problems: ['not_found', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  },
  {
    ...{ method: 'POST', path: `${ENDPOINT}/test`, scope: 'generate', handle: testEndpoint },
    ...{ name: 'testWebhookEndpoint', summary: 'Send a ping' },
    headers: ['Idempotency-Key'],
    ...{ json: emptyBodySchema, bodyOptional: true },
    answers: { 202: deliverySchema },
    problems: ['not_found', 'conflict', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  },
  {
    ...{ method: 'POST', path: `${ENDPOINT}/recover`, scope: 'generate', handle: recoverEndpoint },
    ...{ name: 'recoverWebhookEndpoint', summary: 'Send again what failed in a span of time, or say how much' },
    json: recoverRequestSchema,
    answers: { 202: recoverySchema },
    problems: ['not_found', 'conflict', 'body_too_large', 'unsupported_media_type'],
  },
  {
    ...{ method: 'GET', path: '/v1/webhook-secret', scope: 'generate', handle: getWebhookSecret },
    ...{ name: 'getWebhookSecret', summary: 'What signs deliveries to URLs that requests name' },
    answers: { 200: webhookSecretSchema },
  },
  {
    ...{ method: 'POST', path: '/v1/webhook-secret/rotate', scope: 'generate', handle: rotateWebhookSecret },
    ...{ name: 'rotateWebhookSecret', summary: 'A new secret of the project; both sign for a time' },
    headers: ['Idempotency-Key'],
    ...{ json: rotateRequestSchema, bodyOptional: true },
    answers: { 200: webhookSecretSchema },
    problems: ['body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  },
  {
    ...{ method: 'GET', path: DELIVERIES, scope: 'read', handle: listDeliveries },
    ...{ name: 'listWebhookDeliveries', summary: 'List deliveries, newest first' },
    query: deliveryQuerySchema,
    answers: { 200: page(deliverySchema, 'WebhookDeliveryPage') },
  },
  {
    ...{ method: 'GET', path: `${DELIVERIES}/{id}`, scope: 'read', handle: getDelivery },
    ...{ name: 'getWebhookDelivery', summary: 'Read one delivery with its attempts' },
    answers: { 200: deliverySchema },
    problems: ['not_found'],
  },
  {
    ...{ method: 'POST', path: `${DELIVERIES}/{id}/redeliver`, scope: 'generate', handle: redeliverDelivery },
    ...{ name: 'redeliverWebhook', summary: 'Send the same bytes under the same id again, now' },
    headers: ['Idempotency-Key'],
    ...{ json: emptyBodySchema, bodyOptional: true },
    answers: { 202: deliverySchema },
    problems: ['not_found', 'conflict', 'body_too_large', 'unsupported_media_type', 'idempotency_key_reused'],
  },
];

export const WEBHOOK_ROUTES: readonly Route[] = rows.map((row) => ({ ...row, pattern: row.path }));
