import { forgetSwept } from '@songmill/shared/runtime/records/erase';
import {
  eraseReference,
  listReferences as listStored,
  reopenReference,
} from '@songmill/shared/runtime/records/references';
import { z } from 'zod';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ProblemError, ValidationError } from '../errors.ts';
import { emptyBodySchema } from './action-bodies.ts';
import { sendEmpty, sendJson } from './answer.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { idempotencyOf, keyReused, REPLAYED } from './idempotency.ts';
import { afterSchema, limitSchema } from './list-query.ts';
import { noQuery, parseQuery } from './query.ts';
import { readAction } from './read-action.ts';
import { findReference, noSuchReference } from './with-reference.ts';

export const referenceQuerySchema = z.strictObject({ limit: limitSchema, after: afterSchema });

/** `GET /v1/references/{id}`. */
export async function getReference(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  noQuery(call, faults);
  if (faults.length > 0) throw new ValidationError(faults);
  const reference = await findReference(ctx, call, true);
  const settled = reference.finished_at !== null;
  sendJson(call, 200, reference, settled ? {} : { 'Retry-After': '1' });
}

/** `GET /v1/references`: newest first, a page at a time. */
export async function listReferences(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const query = parseQuery(referenceQuerySchema, call.rawQuery, faults);
  if (query === null) throw new ValidationError(faults);
  const project = call.principal.scopes.has('operate') ? null : call.principal.project;
  const filters = ['references', project];
  const after = query.after === undefined ? null : readCursor(filters, query.after);
  if (query.after !== undefined && typeof after !== 'number') {
    throw new ValidationError([{ parameter: 'after', code: 'invalid_cursor', message: 'no cursor of this list' }]);
  }
  const page = await listStored(ctx.store, { project, limit: query.limit, after: after as number | null });
  const next = page.next === null ? null : writeCursor(filters, page.next);
  sendJson(call, 200, { data: page.references, has_more: next !== null, next_cursor: next });
}

/** `POST /v1/references/{id}/retry`: uploads a settled reference again, which gives it new ids. */
export async function retryReference(ctx: ApiContext, call: Call): Promise<void> {
  const { id } = await findReference(ctx, call, false);
  const { body, key } = await readAction(call, emptyBodySchema);
  const answer = await reopenReference(ctx.store, { id, idempotency: idempotencyOf(call, key, body) });
  if (answer.outcome === 'conflict') {
    throw new ProblemError('conflict', `the reference is ${answer.status} and cannot be retried`);
  }
  if (answer.outcome === 'key_reused') throw keyReused();
  if (answer.outcome === 'missing') throw noSuchReference();
  const reference = await findReference(ctx, call, false);
  sendJson(call, 202, reference, answer.outcome === 'replayed' ? REPLAYED : {});
  if (answer.outcome === 'reopened') ctx.uploads.add(answer.pointer);
}

/** `DELETE /v1/references/{id}`: record and file are gone; what the upstream made of it stays there. */
export async function deleteReference(ctx: ApiContext, call: Call): Promise<void> {
  const { id } = await findReference(ctx, call, false);
  await readAction(call, emptyBodySchema);
  const answer = await eraseReference(ctx.store, id);
  if (answer === 'missing') throw noSuchReference();
  if (answer === 'processing') throw new ProblemError('conflict', 'the reference is processing and cannot be deleted');
  if (answer === 'waited_for') throw new ProblemError('conflict', 'generations wait for the reference');
  try {
    await ctx.storage.remove(id);
    await forgetSwept(ctx.store, id);
  } catch (error) {
    ctx.logger.warn({ err: error, reference_id: id }, 'file left to the sweep');
  }
  sendEmpty(call, 204);
}
