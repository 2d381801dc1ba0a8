import { type BulkQuote, type BulkRequest, bulkRequestSchema } from '@songmill/shared/contract/bulk-action';
import { sumExactly } from '@songmill/shared/contract/money';
import { isId, newId } from '@songmill/shared/runtime/ids';
import {
  abortBulkAction,
  listBulkActions as listStored,
  presentBulkAction,
  readBulkAction,
  startBulkAction,
  type StoredBulkAction,
} from '@songmill/shared/runtime/records/bulk-actions';
import { targetPage } from '@songmill/shared/runtime/records/bulk-targets';
import { z } from 'zod';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ClientGone, ProblemError, ValidationError } from '../errors.ts';
import { emptyBodySchema } from '../request/action-bodies.ts';
import { sendJson } from '../request/answer.ts';
import { readCursor, writeCursor } from '../request/cursor.ts';
import { idempotencyOf, keyReused, REPLAYED } from '../request/idempotency.ts';
import { afterSchema, limitSchema } from '../request/list-query.ts';
import { parseQuery } from '../request/query.ts';
import { readAction } from '../request/read-action.ts';

export const bulkQuerySchema = z.strictObject({ limit: limitSchema, after: afterSchema });

/** `POST /v1/bulk-actions`: on everything that a filter matches now, in the background; or only how much that is. */
export async function createBulkAction(ctx: ApiContext, call: Call): Promise<void> {
  const { body, key } = await readAction(call, bulkRequestSchema);
  const { action, filter, params } = body;
  const idempotency = idempotencyOf(call, key, body);
  const quote = await quoteOf(ctx, call, body);
  if (body.dry_run) {
    sendJson(call, 200, quote);
    return;
  }
  const id = newId('blk');
  const { principal } = call;
  const answer = await startBulkAction(ctx.store, {
    ...{ id, idempotency, action, filter, params, matched: quote.matched, batch: null },
    ...{ project: principal.project, createdBy: principal.keyId },
  });
  if (answer.outcome === 'key_reused') throw keyReused();
  const made = await find(ctx, answer.outcome === 'replayed' ? answer.id : id);
  sendJson(call, 202, presentBulkAction(made), answer.outcome === 'replayed' ? REPLAYED : {});
}

/** `GET /v1/bulk-actions`: newest first. */
export async function listBulkActions(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const query = parseQuery(bulkQuerySchema, call.rawQuery, faults);
  if (query === null) throw new ValidationError(faults);
  const after = query.after === undefined ? null : readCursor('bulk-actions', query.after);
  if (query.after !== undefined && typeof after !== 'number') {
    throw new ValidationError([{ parameter: 'after', code: 'invalid_cursor', message: 'no cursor of this list' }]);
  }
  const page = await listStored(ctx.store, { limit: query.limit, after: after as number | null });
  const next = page.next === null ? null : writeCursor('bulk-actions', page.next);
  sendJson(call, 200, { data: page.actions.map(presentBulkAction), has_more: next !== null, next_cursor: next });
}

/** `GET /v1/bulk-actions/{id}`: how far it is. */
export async function getBulkAction(ctx: ApiContext, call: Call): Promise<void> {
  await readAction(call, emptyBodySchema);
  sendJson(call, 200, presentBulkAction(await find(ctx, call.params['id'] ?? '')));
}

/** `POST /v1/bulk-actions/{id}/cancel`: nothing further is done; what was done stays. */
export async function cancelBulkAction(ctx: ApiContext, call: Call): Promise<void> {
  await readAction(call, emptyBodySchema);
  const { id } = await find(ctx, call.params['id'] ?? '');
  const outcome = await abortBulkAction(ctx.store, id);
  if (outcome === 'missing') throw noSuchAction();
  if (outcome === 'ended') throw new ProblemError('conflict', 'the bulk action has ended');
  sendJson(call, 200, presentBulkAction(await find(ctx, id)));
}

/** Looks at everything that matches, page by page. @throws ClientGone when nobody waits for it any more */
async function quoteOf(ctx: ApiContext, call: Call, { action, filter, params }: BulkRequest): Promise<BulkQuote> {
  const buys = action === 'retry' || (action === 'resolve' && params.action === 'retry');
  const wanted = { action, filter, batch_id: null, ordinal: Number.MAX_SAFE_INTEGER };
  let matched = 0;
  let currency: string | null = null;
  let estimated: string | null = null;
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await targetPage(ctx.store, wanted, cursor);
    matched += page.generations.length + page.deliveries.length;
    for (const { request, spare } of buys ? page.generations : []) {
      const { price } = request;
      // A spare song is published without a call. A list of prices has one currency.
      if (price === undefined || spare !== null) continue;
      currency = price.currency;
      estimated = sumExactly(estimated ?? '0', price.amount);
    }
    cursor = page.next;
    if (call.req.socket.destroyed) throw new ClientGone('the caller left while it was counted');
  }
  return { object: 'bulk_quote', matched, cost: { currency, estimated } };
}

async function find(ctx: ApiContext, id: string): Promise<StoredBulkAction> {
  const stored = isId('blk', id) ? await readBulkAction(ctx.store, id) : null;
  if (stored === null) throw noSuchAction();
  return stored;
}

function noSuchAction(): ProblemError {
  return new ProblemError('not_found', 'no such bulk action');
}
