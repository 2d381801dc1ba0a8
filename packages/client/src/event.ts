import type { Batch } from '@songmill/shared/contract/batch';
import type { GENERATION_EVENTS } from '@songmill/shared/contract/event';
import type { Generation } from '@songmill/shared/contract/generation';
import type { Reference } from '@songmill/shared/contract/reference';
import type { WebhookEndpoint } from '@songmill/shared/contract/webhook';
import type { Status } from '@songmill/shared/contract/words';

/** One event as webhooks and streams tell it; `timestamp` is when it happened (RFC 3339, UTC, milliseconds). */
interface Told<Type extends string, Data> {
  readonly type: Type;
  readonly timestamp: string;
  /** The record as it was at the event. */
  readonly data: Data;
}

type GenerationEventType<S extends Status> = Extract<(typeof GENERATION_EVENTS)[number], `generation.${S}`>;

/** A song changed its state. Order several of one song by `data.sequence`. */
export type GenerationEvent = {
  readonly [S in Status]: Told<GenerationEventType<S>, Generation & { readonly status: S }>;
}[Status];

/** The upload of a reference ended. */
export type ReferenceEvent = Told<'reference.succeeded' | 'reference.failed', Reference>;

/** All songs of a batch are settled. */
export type BatchEvent = Told<'batch.completed' | 'batch.canceled', Batch>;

/** How far a batch is; in its own stream only. */
export type BatchProgressEvent = Told<'batch.progress', Batch>;

/** What operators are told: only to endpoints that were made with a key that may operate. */
export type OperatorEvent =
  | Told<
      'account.held' | 'account.resumed',
      {
        readonly object: 'hold';
        readonly scope: 'account' | 'model';
        readonly model: string | null;
        readonly code: string | null;
        readonly reason: string | null;
      }
    >
  | Told<
      'queue.paused',
      { readonly object: 'queue'; readonly name: string; readonly reason: string; readonly by: string }
    >
  | Told<'queue.resumed', { readonly object: 'queue'; readonly name: string }>
  | Told<'storage.low', { readonly object: 'storage'; readonly reason: string }>;

/** An endpoint is told nothing any more. */
export type EndpointEvent = Told<'endpoint.disabled', WebhookEndpoint>;

/** Somebody asked for it with `POST /v1/webhook-endpoints/{id}/test`. */
export type PingEvent = Told<'ping', { readonly object: 'ping'; readonly endpoint_id: string }>;

/**
 * Every event, told apart by `type`. A server that is newer than this package may send a type that is not among
 * these: a `switch` needs a `default` that ignores it.
 */
export type SongmillEvent = GenerationEvent | ReferenceEvent | BatchEvent | OperatorEvent | EndpointEvent | PingEvent;
