import { isId } from '@songmill/shared/runtime/ids';
import { readGeneration } from '@songmill/shared/runtime/records/read';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import type { ApiContext, Call, Handler } from '../context.ts';
import { ProblemError } from '../errors.ts';

type GenerationHandler = (ctx: ApiContext, call: Call, record: GenerationRecord) => Promise<void>;

/** Looks the generation up, so that a handler gets one its caller may read or never runs. */
export function withReadable(handle: GenerationHandler): Handler {
  return async (ctx, call) => handle(ctx, call, await find(ctx, call, call.principal.scopes.has('operate')));
}

/** The same for changes, which stay within the caller's own project whatever its scopes. */
export function withOwn(handle: GenerationHandler): Handler {
  return async (ctx, call) => handle(ctx, call, await find(ctx, call, false));
}

async function find(ctx: ApiContext, call: Call, everywhere: boolean): Promise<GenerationRecord> {
  const id = call.params['id'] ?? '';
  const record = isId('gen', id) ? await readGeneration(ctx.store, id) : null;
  // Another project's id is told apart from none by nobody.
  if (record === null || (!everywhere && record.project !== call.principal.project)) throw noSuchGeneration();
  return record;
}

export function noSuchGeneration(): ProblemError {
  return new ProblemError('not_found', 'no such generation');
}
