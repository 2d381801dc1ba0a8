import { isId } from '@songmill/shared/runtime/ids';
import type { BatchRecord } from '@songmill/shared/runtime/records/batch-record';
import { readBatchRecord } from '@songmill/shared/runtime/records/batches';
import type { ApiContext, Call, Handler } from '../context.ts';
import { ProblemError } from '../errors.ts';

type BatchHandler = (ctx: ApiContext, call: Call, batch: BatchRecord) => Promise<void>;

/** Looks the batch up, so that a handler gets one its caller may read or never runs. */
export function withReadableBatch(handle: BatchHandler): Handler {
  return async (ctx, call) => handle(ctx, call, await findBatch(ctx, call, call.principal.scopes.has('operate')));
}

/** The same for changes, which stay within the caller's own project whatever its scopes. */
export function withOwnBatch(handle: BatchHandler): Handler {
  return async (ctx, call) => handle(ctx, call, await findBatch(ctx, call, false));
}

async function findBatch(ctx: ApiContext, call: Call, everywhere: boolean): Promise<BatchRecord> {
  const id = call.params['id'] ?? '';
  const batch = isId('bat', id) ? await readBatchRecord(ctx.store, id) : null;
  // Another project's id is told apart from none by nobody.
  if (batch === null || (!everywhere && batch.project !== call.principal.project)) throw noSuchBatch();
  return batch;
}

export function noSuchBatch(): ProblemError {
  return new ProblemError('not_found', 'no such batch');
}
