import { comparePositions, isPosition, logAfter, logEnds } from '@songmill/shared/runtime/records/event-log';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import type { LogFollower } from '../queue/event-hub.ts';
import { parseQuery } from '../request/query.ts';
import { listEvents } from './event-list.ts';
import { type EventFilters, eventStreamQuerySchema, filtersOf, passes } from './event-query.ts';
import { readTold, type ToldEntry } from './read-told.ts';
import { frameOf, lastEventId, openSse, resetFrame, type SseStream } from './sse.ts';
import { endWhenRefused } from './still-allowed.ts';

const START = '0-0';
const PAGE = 200;

/** `GET /v1/events`: a list, or a stream for callers that accept `text/event-stream`. */
export async function getEvents(ctx: ApiContext, call: Call): Promise<void> {
  const wantsStream = /\btext\/event-stream\b/i.test(call.req.headers.accept ?? '');
  await (wantsStream ? streamEvents : listEvents)(ctx, call);
}

/**
 * From now on, or from `Last-Event-ID`. A caller that is behind, because it comes back or reads more
 * slowly than things happen, is told from the shared stream, page by page as it takes them; one that
 * has caught up is told by the hub, which costs Redis nothing.
 */
async function streamEvents(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const query = parseQuery(eventStreamQuerySchema, call.rawQuery, faults);
  const filters = filtersOf(call, query, faults);
  if (query === null || faults.length > 0) throw new ValidationError(faults);
  const start = await startOf(ctx, lastEventId(call));
  const failed = Promise.withResolvers<never>();
  const teller = createTeller(ctx, call, filters, start, failed.reject);
  const unfollow = ctx.hub.followLog(teller.follower);
  try {
    teller.catchUp();
    await Promise.race([teller.closed, failed.promise]);
  } finally {
    unfollow();
  }
}

interface Start {
  readonly position: string;
  /** The caller knows a place that is no more. */
  readonly reset: boolean;
}

async function startOf({ store }: ApiContext, lastId: string | null): Promise<Start> {
  const ends = await logEnds(store);
  const newest = ends?.newest ?? START;
  if (lastId === null) return { position: newest, reset: false };
  const kept = isPosition(lastId) && ends !== null && isBetween(lastId, ends);
  return kept || lastId === newest ? { position: lastId, reset: false } : { position: newest, reset: true };
}

function isBetween(position: string, { oldest, newest }: { oldest: string; newest: string }): boolean {
  return comparePositions(oldest, position) <= 0 && comparePositions(position, newest) <= 0;
}

function createTeller(
  ctx: ApiContext,
  call: Call,
  filters: EventFilters,
  start: Start,
  onFailure: (error: unknown) => void,
) {
  let { position } = start;
  let said = position;
  let live = false;
  let missed = false;
  const stream: SseStream = openSse(call, whereabouts);
  endWhenRefused(ctx, call, stream);
  // Without data it is no event; whoever reads it knows from where to go on.
  stream.send(start.reset ? resetFrame(position) : `id: ${position}\n\n`);

  /** A caller whose events are rare would come back with a place that is long gone. */
  function whereabouts(): string {
    if (said === position) return '';
    said = position;
    return `id: ${position}\n\n`;
  }

  function send({ entry, event }: ToldEntry): void {
    position = entry.position;
    said = position;
    if (event !== null) stream.send(frameOf(position, event));
  }

  function catchUp(): void {
    live = false;
    readOn().catch(onFailure);
  }

  async function readOn(): Promise<void> {
    while (!live && (await stream.drained())) {
      missed = false;
      const page = await logAfter(ctx.store, position, PAGE);
      const told = await readTold(
        ctx,
        page.filter((entry) => passes(filters, entry)),
      );
      for (const each of told) {
        if (!(await stream.drained())) return;
        send(each);
      }
      position = page.at(-1)?.position ?? position;
      live = page.length === 0 && !missed;
    }
  }

  const follower: LogFollower = {
    wants: (entry) => passes(filters, entry),
    tell(entries, reached) {
      if (!live) {
        missed = true;
        return;
      }
      for (const each of entries) {
        if (passes(filters, each.entry) && comparePositions(each.entry.position, position) > 0) send(each);
      }
      if (comparePositions(reached, position) > 0) position = reached;
      if (stream.full) catchUp();
    },
    begun(at, lost) {
      if (lost) {
        position = at;
        stream.send(resetFrame(at));
      } else if (comparePositions(at, position) > 0) {
        // Between our last look and the hub's first one something happened.
        if (live) catchUp();
        else missed = true;
      }
    },
    stop: () => stream.end(),
  };
  return { follower, catchUp, closed: stream.closed };
}
