import type { EventType } from '@songmill/shared/contract/event';
import type { SongmillEvent } from '../event.ts';
import { follow, type FollowOptions } from '../events/follow.ts';
import { type ResetEvent, type Streamed, streamedOf } from '../events/streamed.ts';
import { listPages, type PagePromise } from '../page.ts';
import { type CallOptions, type ClientContext, sendJson } from '../request.ts';

const PATH = '/v1/events';

export interface EventFilters {
  /** All unless given. */
  readonly types?: readonly EventType[] | undefined;
  /** For keys with `operate`, which otherwise see every project. */
  readonly project?: string | undefined;
}

export interface ListEventsFilters extends EventFilters {
  /** Items per page, 1 to 100, default 20. */
  readonly limit?: number | undefined;
  /** `next_cursor` of a page with the same filters. */
  readonly after?: string | undefined;
}

/** An event as lists show it; `id` is what a stream goes on after. */
export type ListedEvent = SongmillEvent & { readonly id: string; readonly object: 'event' };

/** What happens in a project. */
export class Events {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Newest first, as far back as the server keeps events. */
  list(filters: ListEventsFilters = {}, options?: CallOptions): PagePromise<ListedEvent> {
    const query = { ...queryOf(filters), limit: filters.limit?.toString() };
    return listPages(
      (after) => sendJson(this.#context, { method: 'GET', path: PATH, query: { ...query, after }, options }),
      filters.after ?? null,
    );
  }

  /**
   * Everything that happens from now on, or after `lastEventId`, without an end: through lost
   * connections and restarts each event comes once and in order. Leave the loop, or abort, to end it.
   * A `reset` says that events were missed.
   */
  async *stream(
    filters: EventFilters = {},
    options: FollowOptions = {},
  ): AsyncGenerator<Streamed<SongmillEvent | ResetEvent>, void, undefined> {
    const messages = follow(this.#context, { path: PATH, query: queryOf(filters) }, options, () => false);
    for await (const message of messages) yield streamedOf(message);
  }
}

function queryOf({ types, project }: EventFilters): Record<string, string | undefined> {
  return { types: types?.join(','), project };
}
