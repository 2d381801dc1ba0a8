import { z } from 'zod';
import { EVENT_TYPES, GENERATION_EVENTS, SETTLED_EVENTS, SETTLED_GENERATION_EVENTS } from './event.ts';

const time = z.string().meta({ description: 'RFC 3339, UTC, milliseconds' });
const url = z.string().min(1).max(2048);
const unique = <Type extends string>(list: Type[]) => [...new Set(list)];

/** `webhook` of a generation: a URL of its own, signed with the project's secret. */
export const requestWebhookSchema = z
  .strictObject({
    url,
    events: z
      .array(z.enum(GENERATION_EVENTS))
      .min(1)
      .transform(unique)
      .default([...SETTLED_GENERATION_EVENTS]),
  })
  .meta({ id: 'RequestWebhook' });

const events = z.array(z.enum(EVENT_TYPES)).min(1).transform(unique);
const description = z.string().max(500);

/** Body of `POST /v1/webhook-endpoints`. */
export const endpointRequestSchema = z
  .strictObject({
    url,
    events: events.default([...SETTLED_EVENTS]),
    description: description.default(''),
    enabled: z.boolean().default(true),
  })
  .meta({ id: 'WebhookEndpointRequest' });

/** Body of `PATCH /v1/webhook-endpoints/{id}`: what is left out stays as it is. */
export const endpointChangeSchema = z
  .strictObject({
    url: url.optional(),
    events: events.optional(),
    description: description.optional(),
    enabled: z.boolean().optional(),
  })
  .meta({ id: 'WebhookEndpointChange' });

export const DISABLED_REASONS = ['by_owner', 'gone', 'failing'] as const;

export const endpointSchema = z
  .object({
    id: z.string(),
    object: z.literal('webhook_endpoint'),
    project: z.string(),
    url: z.string(),
    events: z.array(z.string()),
    description: z.string(),
    enabled: z.boolean(),
    disabled_reason: z
      .enum(DISABLED_REASONS)
      .nullable()
      .meta({ description: '`gone`: it answered 410; `failing`: nothing but failures for five days' }),
    disabled_at: time.nullable(),
    failing_since: time.nullable().meta({ description: 'the first failure since the last success' }),
    created_at: time,
    secret: z.string().optional().meta({ description: '`whsec_…`; shown once, in the answer that makes it' }),
  })
  .meta({ id: 'WebhookEndpoint' });
export type WebhookEndpoint = z.output<typeof endpointSchema>;

/** Body of the rotations: for how long the old secret signs beside the new one. */
export const rotateRequestSchema = z
  .strictObject({ overlap_hours: z.number().min(0).max(168).default(24) })
  .meta({ id: 'RotateRequest' });

export const webhookSecretSchema = z.object({ secret: z.string() }).meta({ id: 'WebhookSecret' });

const moment = z.iso.datetime({ offset: true, error: 'RFC 3339 with a time zone: 2026-01-31T12:00:00Z' });

/** Body of `POST /v1/webhook-endpoints/{id}/recover`. */
export const recoverRequestSchema = z
  .strictObject({
    since: moment,
    until: moment.nullable().default(null).meta({ description: 'now unless given' }),
    dry_run: z.boolean().default(false).meta({ description: 'only say how many' }),
  })
  .meta({ id: 'RecoverRequest' });

export const recoverySchema = z
  .object({ matched: z.number().int().meta({ description: 'deliveries that failed or were canceled in that time' }) })
  .meta({ id: 'Recovery' });

export const DELIVERY_STATUSES = ['pending', 'succeeded', 'failed', 'canceled'] as const;
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number];

/**
 * Why an attempt failed, as far as anybody is told: finer words would make whoever chooses URLs a port
 * scanner. `status` is any answer but 2xx, `cut` one that broke off.
 */
export const DELIVERY_ERRORS = ['blocked', 'dns', 'connect', 'tls', 'timeout', 'redirect', 'status', 'cut'] as const;
export type DeliveryError = (typeof DELIVERY_ERRORS)[number];

export const deliverySchema = z
  .object({
    id: z.string(),
    object: z.literal('webhook_delivery'),
    project: z.string(),
    event_id: z.string().meta({ description: 'the `webhook-id` of every attempt' }),
    type: z.string(),
    url: z.string(),
    endpoint_id: z.string().nullable().meta({ description: 'null: a URL of the request itself' }),
    generation_id: z.string().nullable(),
    batch_id: z.string().nullable(),
    status: z.enum(DELIVERY_STATUSES),
    attempts: z.array(
      z.object({
        at: time,
        status_code: z.number().int().nullable(),
        duration_ms: z.number().int(),
        error: z.enum(DELIVERY_ERRORS).nullable(),
      }),
    ),
    next_attempt_at: time.nullable(),
    created_at: time,
    last_answer: z.string().nullable().meta({ description: 'how the last answer began, at most 1,000 characters' }),
  })
  .meta({ id: 'WebhookDelivery' });
export type WebhookDelivery = z.output<typeof deliverySchema>;
