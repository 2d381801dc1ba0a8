import { OPERATOR_EVENTS } from '@songmill/shared/contract/event';
import type { InputFault } from '@songmill/shared/contract/problem';
import { endpointChangeSchema, endpointRequestSchema } from '@songmill/shared/contract/webhook';
import { newId } from '@songmill/shared/runtime/ids';
import {
  type EndpointFields,
  eraseEndpoint,
  listEndpoints as listStored,
  MOST_ENDPOINTS,
  readEndpoint,
  saveEndpoint,
} from '@songmill/shared/runtime/records/endpoints';
import { newSecret } from '@songmill/shared/runtime/records/webhook-secret';
import { z } from 'zod';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ProblemError, ValidationError } from '../errors.ts';
import { emptyBodySchema } from '../request/action-bodies.ts';
import { sendEmpty, sendJson } from '../request/answer.ts';
import { readCursor, writeCursor } from '../request/cursor.ts';
import { idempotencyOf, keyReused, REPLAYED } from '../request/idempotency.ts';
import { afterSchema, limitSchema } from '../request/list-query.ts';
import { noQuery, parseQuery } from '../request/query.ts';
import { readAction } from '../request/read-action.ts';
import { endpointUrlFault } from './check-url.ts';
import { findEndpoint, noSuchEndpoint } from './find.ts';

export const endpointQuerySchema = z.strictObject({ limit: limitSchema, after: afterSchema });

/** `POST /v1/webhook-endpoints`. The secret is in this answer and nowhere else; a replay shows the record without it. */
export async function createEndpoint(ctx: ApiContext, call: Call): Promise<void> {
  const { body, key } = await readAction(call, endpointRequestSchema);
  await judge(ctx, call, body);
  const { project } = call.principal;
  const [id, secret] = [newId('whe'), newSecret()];
  const answer = await saveEndpoint(ctx.store, {
    ...{ ...body, id, project, secret },
    idempotency: idempotencyOf(call, key, body),
  });
  if (answer.outcome === 'key_reused') throw keyReused();
  if (answer.outcome === 'too_many') {
    throw new ProblemError('conflict', `a project has at most ${MOST_ENDPOINTS} webhook endpoints`);
  }
  const replayed = answer.outcome === 'replayed';
  const endpoint = await readEndpoint(ctx.store, replayed ? answer.id : id);
  if (endpoint === null) throw new ProblemError('gone', 'the endpoint was made with this key and deleted since');
  if (replayed) sendJson(call, 201, endpoint, REPLAYED);
  else sendJson(call, 201, { ...endpoint, secret });
}

/** `GET /v1/webhook-endpoints`: newest first, a page at a time, never the secrets. */
export async function listEndpoints(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const query = parseQuery(endpointQuerySchema, call.rawQuery, faults);
  if (query === null) throw new ValidationError(faults);
  const project = call.principal.scopes.has('operate') ? null : call.principal.project;
  const filters = ['webhook-endpoints', project];
  const after = query.after === undefined ? null : readCursor(filters, query.after);
  if (query.after !== undefined && typeof after !== 'number') {
    throw new ValidationError([{ parameter: 'after', code: 'invalid_cursor', message: 'no cursor of this list' }]);
  }
  const page = await listStored(ctx.store, { project, limit: query.limit, after: after as number | null });
  const next = page.next === null ? null : writeCursor(filters, page.next);
  sendJson(call, 200, { data: page.endpoints, has_more: next !== null, next_cursor: next });
}

/** `GET /v1/webhook-endpoints/{id}`. */
export async function getEndpoint(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  noQuery(call, faults);
  if (faults.length > 0) throw new ValidationError(faults);
  sendJson(call, 200, await findEndpoint(ctx, call, true));
}

/** `PATCH /v1/webhook-endpoints/{id}`: what is left out stays. Enabling it says that it works again. */
export async function changeEndpoint(ctx: ApiContext, call: Call): Promise<void> {
  const known = await findEndpoint(ctx, call, false);
  const { body } = await readAction(call, endpointChangeSchema);
  await judge(ctx, call, body);
  const fields = {
    url: body.url ?? known.url,
    events: body.events ?? known.events,
    description: body.description ?? known.description,
    enabled: body.enabled ?? known.enabled,
  };
  leadsNobodyElsewhere(call, known, fields);
  const { id, project } = known;
  const answer = await saveEndpoint(ctx.store, { ...fields, id, project, secret: null });
  if (answer.outcome === 'missing') throw noSuchEndpoint();
  sendJson(call, 200, await findEndpoint(ctx, call, false));
}

/** `DELETE /v1/webhook-endpoints/{id}`: what waits for it is canceled; its deliveries can be read for their time. */
export async function deleteEndpoint(ctx: ApiContext, call: Call): Promise<void> {
  const { id, project } = await findEndpoint(ctx, call, false);
  await readAction(call, emptyBodySchema);
  if (!(await eraseEndpoint(ctx.store, { id, project }))) throw noSuchEndpoint();
  sendEmpty(call, 204);
}

/** What only operators are told goes where one of them said. @throws ValidationError naming the URL */
function leadsNobodyElsewhere(call: Call, known: EndpointFields, { url, events }: EndpointFields): void {
  if (url === known.url || call.principal.scopes.has('operate')) return;
  const type = OPERATOR_EVENTS.find((each) => events.includes(each));
  if (type === undefined) return;
  const message = `the endpoint is told ${type}, so only a key that has the scope operate changes its url`;
  throw new ValidationError([{ pointer: '/url', code: 'operators_only', message }]);
}

/** @throws ValidationError naming the URL, and each type that this key may not ask for */
async function judge(
  ctx: ApiContext,
  call: Call,
  { url, events }: { url?: string | undefined; events?: readonly string[] | undefined },
): Promise<void> {
  const faults: InputFault[] = [];
  const fault = url === undefined ? null : await endpointUrlFault(ctx, url);
  if (fault !== null) faults.push(fault);
  if (!call.principal.scopes.has('operate')) {
    for (const [index, type] of (events ?? []).entries()) {
      if (!(OPERATOR_EVENTS as readonly string[]).includes(type)) continue;
      const message = `${type} is told to endpoints made with a key that has the scope operate`;
      faults.push({ pointer: `/events/${index}`, code: 'operators_only', message });
    }
  }
  if (faults.length > 0) throw new ValidationError(faults);
}
