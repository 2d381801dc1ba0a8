import { BadResponseError } from '../errors.ts';
import type { SseMessage } from './sse-parser.ts';

/**
 * The server cannot go on after the id that it was given, as it keeps the newest events only: what
 * happened in between is to be read from lists.
 */
export interface ResetEvent {
  readonly type: 'reset';
  readonly timestamp: string;
  readonly data: Readonly<Record<string, never>>;
}

/** An event with the id to resume after it: `lastEventId`. */
export type Streamed<Event> = Event & { readonly id: string | null };

/** @throws BadResponseError for data that is no event of ours */
export function streamedOf<Event>(message: SseMessage): Streamed<Event> {
  try {
    const event = JSON.parse(message.data) as object;
    return { ...event, id: message.id } as Streamed<Event>;
  } catch (cause) {
    throw new BadResponseError('the stream held something that is no event', { cause });
  }
}
