import { eraseGeneration, forgetSwept } from '@songmill/shared/runtime/records/erase';
import { emptyBodySchema } from './action-bodies.ts';
import { sendEmpty } from './answer.ts';
import { conflict } from './conflict.ts';
import { readAction } from './read-action.ts';
import { noSuchGeneration, withOwn } from './with-generation.ts';

/**
 * `DELETE /v1/generations/{id}`: the text goes with the record, then the files. Files that cannot be
 * removed now are on the list that the workers sweep, so the caller is answered either way.
 */
export const deleteGeneration = withOwn(async (ctx, call, { id }) => {
  await readAction(call, emptyBodySchema);
  const answer = await eraseGeneration(ctx.store, id, ctx.settings.RECORD_TTL_DAYS);
  if (answer.outcome === 'conflict') throw conflict('deleted', answer.status);
  if (answer.outcome === 'missing') throw noSuchGeneration();
  try {
    await ctx.storage.remove(id);
    await forgetSwept(ctx.store, id);
  } catch (error) {
    ctx.logger.warn({ err: error, generation_id: id }, 'files left to the sweep');
  }
  sendEmpty(call, 204);
});
