import type { EventType } from '@songmill/shared/contract/event';
import type { Generation } from '@songmill/shared/contract/generation';
import type { Reference } from '@songmill/shared/contract/reference';
import type { Status } from '@songmill/shared/contract/words';
import { BadResponseError } from '../errors.ts';
import type { SseMessage } from './sse-parser.ts';

interface Told<Type extends string, Data> {
  readonly type: Type;
  /** When it happened. */
  readonly timestamp: string;
  /** The record as it was at the event. */
  readonly data: Data;
}

export type GenerationEvent = Told<`generation.${Status}`, Generation>;
export type ReferenceEvent = Told<'reference.succeeded' | 'reference.failed', Reference>;
/** Everything else: what concerns batches, endpoints and operators, and types of later servers. */
export type OtherEvent = Told<
  Exclude<EventType, GenerationEvent['type'] | ReferenceEvent['type']>,
  Readonly<Record<string, unknown>>
>;

/** What webhooks and streams tell, by `type`. Ignore a type that you do not know. */
export type SongmillEvent = GenerationEvent | ReferenceEvent | OtherEvent;

/**
 * The server cannot go on after the id that it was given, as it keeps the newest events only: what
 * happened in between is to be read from lists.
 */
export type ResetEvent = Told<'reset', Readonly<Record<string, never>>>;

/** An event with the id to resume after it: `lastEventId`. */
export type Streamed<Event> = Event & { readonly id: string | null };

/** @throws BadResponseError for data that is no event of ours */
export function eventOf<Event>(message: SseMessage): Streamed<Event> {
  try {
    const event = JSON.parse(message.data) as object;
    return { ...event, id: message.id } as Streamed<Event>;
  } catch (cause) {
    throw new BadResponseError('the stream held something that is no event', { cause });
  }
}

/** True for events about generations, whose `data` is the record. */
export function isGenerationEvent<Event extends { readonly type: string }>(
  event: Event,
): event is Event & GenerationEvent {
  return event.type.startsWith('generation.');
}
