import { type LogEntry, isPosition, logBefore } from '@songmill/shared/runtime/records/event-log';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import { sendJson } from '../request/answer.ts';
import { readCursor, writeCursor } from '../request/cursor.ts';
import { parseQuery } from '../request/query.ts';
import { readTold } from './read-told.ts';
import { type EventFilters, eventListQuerySchema, filtersOf, passes } from './event-query.ts';

/** The most entries looked at for one page, and how many are asked for at once. */
const MOST_LOOKED_AT = 1000;
const READ_AT_ONCE = 250;

/** `GET /v1/events` as JSON: newest first, as far back as the shared stream goes. */
export async function listEvents(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const query = parseQuery(eventListQuerySchema, call.rawQuery, faults);
  const filters = filtersOf(call, query, faults);
  if (query === null || faults.length > 0) throw new ValidationError(faults);
  const found = await find(ctx, filters, positionOf(query.after, filters), query.limit);
  const data = (await readTold(ctx, found.entries)).flatMap(({ entry, event }) =>
    event === null ? [] : [{ id: entry.position, object: 'event', ...event }],
  );
  const next = found.next === null ? null : writeCursor(filters, found.next);
  sendJson(call, 200, { data, has_more: next !== null, next_cursor: next });
}

async function find(
  { store }: ApiContext,
  filters: EventFilters,
  after: string | null,
  limit: number,
): Promise<{ entries: LogEntry[]; next: string | null }> {
  const entries: LogEntry[] = [];
  let position = after;
  for (let looked = 0; looked < MOST_LOOKED_AT; looked += READ_AT_ONCE) {
    const page = await logBefore(store, position, READ_AT_ONCE);
    for (const entry of page) {
      // One more than asked for shows that there is more.
      if (passes(filters, entry) && entries.push(entry) > limit) {
        return { entries: entries.slice(0, limit), next: entries.at(-2)!.position };
      }
    }
    position = page.at(-1)?.position ?? position;
    if (page.length < READ_AT_ONCE) return { entries, next: null };
  }
  return { entries, next: position };
}

function positionOf(after: string | undefined, filters: EventFilters): string | null {
  if (after === undefined) return null;
  const position = readCursor(filters, after);
  if (typeof position === 'string' && isPosition(position)) return position;
  const message = 'no cursor of this list with these filters';
  throw new ValidationError([{ parameter: 'after', code: 'invalid_cursor', message }]);
}
