import { readGeneration } from '@songmill/shared/runtime/records/read';
import { type ReopenInput, reopenGeneration } from '@songmill/shared/runtime/records/reopen';
import type { ApiContext, Call } from '../context.ts';
import { emptyBodySchema, resolveBodySchema } from './action-bodies.ts';
import { sendJson } from './answer.ts';
import { conflict } from './conflict.ts';
import { idempotencyOf, keyReused, REPLAYED } from './idempotency.ts';
import { readAction } from './read-action.ts';
import { showGeneration } from './show-generation.ts';
import { noSuchGeneration, withOwn } from './with-generation.ts';

/** `POST /v1/generations/{id}/retry`: a new run of what failed or was canceled. */
export const retryGeneration = withOwn(async (ctx, call, { id }) => {
  const { body, key } = await readAction(call, emptyBodySchema);
  const idempotency = idempotencyOf(call, key, body);
  await reopen(ctx, call, 202, 'retried', { id, action: 'retry', charged: null, idempotency });
});

/** `POST /v1/generations/{id}/resolve`: a human's word on what needs review. */
export const resolveGeneration = withOwn(async (ctx, call, { id }) => {
  const { body, key } = await readAction(call, resolveBodySchema);
  const idempotency = idempotencyOf(call, key, body);
  const action = body.action === 'retry' ? 'resolve_retry' : 'resolve_fail';
  await reopen(ctx, call, 200, 'resolved', { id, action, charged: body.charged, idempotency });
});

async function reopen(
  ctx: ApiContext,
  call: Call,
  status: number,
  participle: string,
  input: ReopenInput,
): Promise<void> {
  const answer = await reopenGeneration(ctx.store, input);
  if (answer.outcome === 'conflict') throw conflict(participle, answer.status);
  if (answer.outcome === 'key_reused') throw keyReused();
  const record = answer.outcome === 'missing' ? null : await readGeneration(ctx.store, input.id);
  if (record === null) throw noSuchGeneration();
  const replayed = answer.outcome === 'replayed';
  sendJson(call, status, await showGeneration(ctx, record), replayed ? REPLAYED : {});
  if (answer.outcome === 'reopened') ctx.pointers.add(answer.pointer);
}
