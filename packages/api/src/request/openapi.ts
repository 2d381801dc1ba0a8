import { problemSchema } from '@songmill/shared/contract/problem';
import type { ProblemCode } from '@songmill/shared/contract/words';
import { z } from 'zod';
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiResponsesObject } from 'zod-openapi';
import type { Route } from '../routes.ts';
import { statusOf } from './answer.ts';

const REQUEST_HEADERS = {
  'Idempotency-Key': z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .meta({ description: '1 to 255 visible ASCII characters; the same key again answers the same record' }),
  Prefer: z.string().meta({ description: '`wait=N`: hold the answer until it settles, at most N (60) seconds' }),
  'If-None-Match': z.string().meta({ description: 'an ETag; 304 while it is still right' }),
  Range: z.string().meta({ description: '`bytes=0-99`; several ranges at once are answered with the whole' }),
  'If-Range': z.string().meta({ description: 'the ETag of which a part is wanted' }),
  'Last-Event-ID': z.string().meta({ description: 'the id of the last event seen: the stream goes on after it' }),
} as const;

const requestId = z.string().meta({ description: 'the id of this request in our logs, or the one you sent' });

const TITLES: Readonly<Record<number, string>> = {
  200: 'As asked',
  201: 'Made',
  202: 'Recorded; it settles later',
  204: 'Done',
  206: 'The part',
  304: 'Not changed',
  503: 'Not now',
};

const TAGS: Readonly<Record<string, string>> = {
  generations: 'One song asked for, and what became of it',
  batches: 'Many songs asked for at once',
  models: 'What songs are made with',
  events: 'What happens, as it happens',
  references: 'Uploaded voices and instrumentals',
  'webhook-endpoints': 'URLs that are told what happens',
  'webhook-secret': 'What signs deliveries to URLs that requests name',
  'webhook-deliveries': 'Events on their way to URLs',
  queues: 'What waits, and what stops it',
  workers: 'The processes that make the calls',
  'bulk-actions': 'One action on everything that a filter matches',
  'api-keys': 'Who may do what',
  server: 'Health and documentation; no key needed',
};

/** The OpenAPI 3.1 document of these routes, from the schemas that judge requests and type answers. */
export function openapiDocument(routes: readonly Route[]): ReturnType<typeof createDocument> {
  const paths: Record<string, Record<string, ZodOpenApiOperationObject>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Songmill',
      version: '1',
      description:
        'A queue for AI music generation that never loses a song and never pays twice without saying so. Ignore unknown fields; treat an unknown status as not settled, and an unknown error code by its HTTP class.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'this server' }],
    security: [{ key: [] }],
    tags: [...new Set(routes.map(tagOf))].map((name) => ({ name, description: TAGS[name] ?? name })),
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: 'an API key, `sgm_…`' } },
    },
  });
}

function operationOf(route: Route): ZodOpenApiOperationObject {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string);
  const headers = (route.headers ?? []).map((name) => [name, REQUEST_HEADERS[name].optional()] as const);
  return {
    operationId: route.name,
    summary: route.summary,
    tags: [tagOf(route)],
    ...(route.scope === null ? { security: [] } : { description: `Needs a key with \`${route.scope}\`.` }),
    requestParams: {
      ...(names.length > 0 ? { path: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))) } : {}),
      ...(route.query ? { query: route.query } : {}),
      ...(headers.length > 0 ? { header: z.object(Object.fromEntries(headers)) } : {}),
    },
    ...bodyOf(route),
    responses: { ...answersOf(route), ...problemsOf(route) },
  };
}

function tagOf(route: Route): string {
  return /^\/v1\/([a-z-]+)/.exec(route.path)?.[1] ?? 'server';
}

function bodyOf({ json, form, bodyOptional, textTypes = [] }: Route): Pick<ZodOpenApiOperationObject, 'requestBody'> {
  if (!json && !form) return {};
  const content = {
    ...(json ? { 'application/json': { schema: json } } : {}),
    ...(form ? { 'multipart/form-data': { schema: form } } : {}),
    ...Object.fromEntries(textTypes.map((type) => [type, { schema: z.string() }])),
  };
  return { requestBody: { required: bodyOptional !== true, content } };
}

function answersOf(route: Route): ZodOpenApiResponsesObject {
  const responses: Record<string, NonNullable<ZodOpenApiResponsesObject['200']>> = {};
  for (const [status, shape] of Object.entries(route.answers)) {
    responses[status] = {
      description: TITLES[Number(status)] ?? status,
      headers: z.object({ 'X-Request-Id': requestId }),
      ...(shape === null ? {} : { content: contentOf(shape, status === '200' && route.alsoStreams === true) }),
    };
  }
  return responses;
}

const EVENTS = { 'text/event-stream': { schema: z.string() } };

function contentOf(shape: NonNullable<Route['answers'][number]>, alsoStreams: boolean) {
  if (shape === 'events') return EVENTS;
  if (shape === 'html') return { 'text/html': { schema: z.string() } };
  if (shape === 'file') return { '*/*': { schema: z.string() } };
  if (shape !== 'audio') return { 'application/json': { schema: shape }, ...(alsoStreams ? EVENTS : {}) };
  return { 'audio/mpeg': { schema: z.string() }, 'audio/wav': { schema: z.string() } };
}

/** Answers of the 4xx and 5xx classes, several codes of one status told together. */
function problemsOf(route: Route): ZodOpenApiResponsesObject {
  const codes: ProblemCode[] = [...(route.problems ?? []), 'internal'];
  if (route.scope !== null) codes.push('unauthenticated', 'forbidden', 'validation_failed', 'queue_unavailable');
  if (route.json || route.form) codes.push('malformed_body');
  const byStatus = new Map<number, string[]>();
  for (const code of codes.toSorted()) byStatus.set(statusOf(code), [...(byStatus.get(statusOf(code)) ?? []), code]);
  const responses: Record<string, unknown> = {};
  for (const [status, names] of byStatus) {
    responses[String(status)] = {
      description: names.map((name) => `\`${name}\``).join(', '),
      headers: z.object({ 'X-Request-Id': requestId }),
      content: { 'application/problem+json': { schema: problemSchema } },
    };
  }
  return responses as ZodOpenApiResponsesObject;
}
