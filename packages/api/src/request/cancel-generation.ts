import { cancelGeneration as cancelRecord } from '@songmill/shared/runtime/records/cancel';
import { readGeneration } from '@songmill/shared/runtime/records/read';
import { emptyBodySchema } from './action-bodies.ts';
import { sendJson } from './answer.ts';
import { conflict } from './conflict.ts';
import { readAction } from './read-action.ts';
import { showGeneration } from './show-generation.ts';
import { noSuchGeneration, withOwn } from './with-generation.ts';

/** `POST /v1/generations/{id}/cancel`: at once; a call already sent is paid and left to finish. */
export const cancelGeneration = withOwn(async (ctx, call, { id }) => {
  await readAction(call, emptyBodySchema);
  const answer = await cancelRecord(ctx.store, id);
  if (answer.outcome === 'conflict') throw conflict('canceled', answer.status);
  if (answer.outcome === 'canceled') ctx.pointers.remove({ id, run: answer.run });
  const record = answer.outcome === 'missing' ? null : await readGeneration(ctx.store, id);
  if (record === null) throw noSuchGeneration();
  sendJson(call, 200, await showGeneration(ctx, record));
});
