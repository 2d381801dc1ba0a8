import { eventSchema } from '@songmill/shared/contract/event';
import { z } from 'zod';
import type { Route } from '../routes.ts';
import { eventListQuerySchema } from './event-query.ts';
import { streamGeneration } from './generation-events.ts';
import { getEvents } from './project-events.ts';

const listedEvent = eventSchema
  .extend({
    id: z.string().meta({ description: 'where it stands; a stream goes on after it with `Last-Event-ID`' }),
    object: z.literal('event'),
  })
  .meta({ id: 'ListedEvent' });
const eventPage = z
  .object({ data: z.array(listedEvent), has_more: z.boolean(), next_cursor: z.string().nullable() })
  .meta({ id: 'EventPage' });

const GENERATION_EVENTS = '/v1/generations/{id}/events';

/** What happens, as it happens. */
export const EVENT_ROUTES: readonly Route[] = [
  {
    ...{ method: 'GET', path: GENERATION_EVENTS, pattern: GENERATION_EVENTS, scope: 'read', handle: streamGeneration },
    ...{ name: 'streamGeneration', summary: 'Follow one generation until it is settled (server-sent events)' },
    headers: ['Last-Event-ID'],
    answers: { 200: 'events', 204: null },
    problems: ['not_found'],
  },
  {
    ...{ method: 'GET', path: '/v1/events', pattern: '/v1/events', scope: 'read', handle: getEvents },
    ...{ name: 'listEvents', summary: 'What happened, newest first; with `Accept: text/event-stream` as it happens' },
    query: eventListQuerySchema,
    headers: ['Last-Event-ID'],
    answers: { 200: eventPage },
    alsoStreams: true,
  },
];
