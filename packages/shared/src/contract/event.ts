import { z } from 'zod';
import { SETTLED_STATUSES, STATUSES } from './words.ts';

/** One of each change of a generation's status. */
export const GENERATION_EVENTS = STATUSES.map((status) => `generation.${status}` as const);

/** Told only to endpoints that were made with a key that may operate, whatever their project. */
export const OPERATOR_EVENTS = [
  'account.held',
  'account.resumed',
  'queue.paused',
  'queue.resumed',
  'storage.low',
] as const;

/** Every type that an endpoint may ask for. A `ping` comes only when it is asked for with `…/test`. */
export const EVENT_TYPES = [
  ...GENERATION_EVENTS,
  'batch.completed',
  'batch.canceled',
  'reference.succeeded',
  'reference.failed',
  ...OPERATOR_EVENTS,
  'endpoint.disabled',
] as const;
export type EventType = (typeof EVENT_TYPES)[number] | 'ping';

/** What a request's own URL is told unless it says otherwise: how the generation ended. */
export const SETTLED_GENERATION_EVENTS = SETTLED_STATUSES.map((status) => `generation.${status}` as const);

/** What an endpoint is told unless it says otherwise: how things ended. */
export const SETTLED_EVENTS = [
  ...SETTLED_GENERATION_EVENTS,
  'batch.completed',
  'batch.canceled',
  'reference.succeeded',
  'reference.failed',
] as const satisfies readonly EventType[];

/** Body of a webhook and `data:` of a stream: Standard Webhooks 1.0.0. `data` is the record as it was at the event. */
export const eventSchema = z
  .object({
    type: z.string().meta({ description: 'ignore a type that you do not know' }),
    timestamp: z.string().meta({ description: 'when it happened; RFC 3339, UTC, milliseconds' }),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });
export type Event = z.output<typeof eventSchema>;
