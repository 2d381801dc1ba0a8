import { DELIVERY_STATUSES } from '@songmill/shared/contract/webhook';
import { isId } from '@songmill/shared/runtime/ids';
import { redeliver } from '@songmill/shared/runtime/records/deliver-again';
import { listDeliveries as listStored } from '@songmill/shared/runtime/records/delivery-list';
import { z } from 'zod';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ProblemError, ValidationError } from '../errors.ts';
import { emptyBodySchema } from '../request/action-bodies.ts';
import { sendJson } from '../request/answer.ts';
import { readCursor, writeCursor } from '../request/cursor.ts';
import { afterSchema, limitSchema } from '../request/list-query.ts';
import { noQuery, parseQuery } from '../request/query.ts';
import { idempotencyOf, keyReused, REPLAYED } from '../request/idempotency.ts';
import { readAction } from '../request/read-action.ts';
import { findDelivery, forReader, noSuchDelivery } from './find.ts';

const idOf = (prefix: 'evt' | 'whe' | 'gen' | 'bat', what: string) =>
  z
    .string()
    .refine((text) => isId(prefix, text), what)
    .optional();

export const deliveryQuerySchema = z.strictObject({
  status: z
    .string()
    .transform((text) => [...new Set(text.split(','))])
    .pipe(z.array(z.enum(DELIVERY_STATUSES, { error: `one or more of ${DELIVERY_STATUSES.join(', ')}` })))
    .optional()
    .meta({ description: 'one status or several, comma-separated' }),
  event_id: idOf('evt', 'an event id'),
  endpoint_id: idOf('whe', 'an endpoint id'),
  generation_id: idOf('gen', 'a generation id'),
  batch_id: idOf('bat', 'a batch id'),
  limit: limitSchema,
  after: afterSchema,
});

/** `GET /v1/webhook-deliveries`: newest first, filtered, a page at a time. */
export async function listDeliveries(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const query = parseQuery(deliveryQuerySchema, call.rawQuery, faults);
  if (query?.generation_id !== undefined && query.batch_id !== undefined) {
    faults.push({ parameter: 'batch_id', code: 'too_many_filters', message: 'give generation_id or batch_id' });
  }
  if (query === null || faults.length > 0) throw new ValidationError(faults);
  const filters = {
    project: call.principal.scopes.has('operate') ? null : call.principal.project,
    statuses: query.status?.toSorted() ?? null,
    endpointId: query.endpoint_id ?? null,
    subject: query.generation_id ?? query.batch_id ?? null,
    eventId: query.event_id ?? null,
  };
  const after = query.after === undefined ? null : readCursor(filters, query.after);
  if (query.after !== undefined && typeof after !== 'number') {
    const message = 'no cursor of this list with these filters';
    throw new ValidationError([{ parameter: 'after', code: 'invalid_cursor', message }]);
  }
  const page = await listStored(ctx.store, { ...filters, limit: query.limit, after: after as number | null });
  const next = page.next === null ? null : writeCursor(filters, page.next);
  const data = page.deliveries.map((delivery) => forReader(call, delivery));
  sendJson(call, 200, { data, has_more: next !== null, next_cursor: next });
}

/** `GET /v1/webhook-deliveries/{id}`. */
export async function getDelivery(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  noQuery(call, faults);
  if (faults.length > 0) throw new ValidationError(faults);
  sendJson(call, 200, await findDelivery(ctx, call, true));
}

/** `POST /v1/webhook-deliveries/{id}/redeliver`: the same bytes under the same id, now. */
export async function redeliverDelivery(ctx: ApiContext, call: Call): Promise<void> {
  const { id } = await findDelivery(ctx, call, false);
  const { body, key } = await readAction(call, emptyBodySchema);
  const outcome = await redeliver(ctx.store, { id, idempotency: idempotencyOf(call, key, body) });
  if (outcome === 'key_reused') throw keyReused();
  if (outcome === 'missing') throw noSuchDelivery();
  if (outcome === 'disabled') throw new ProblemError('conflict', 'its endpoint is disabled or deleted');
  sendJson(call, 202, await findDelivery(ctx, call, false), outcome === 'replayed' ? REPLAYED : {});
}
