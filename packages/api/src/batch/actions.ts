import { ACTION_STATUSES } from '@songmill/shared/contract/bulk-action';
import { GENERATION_ERROR_CODES } from '@songmill/shared/contract/words';
import { newId } from '@songmill/shared/runtime/ids';
import type { BatchFilter, GenerationAction } from '@songmill/shared/runtime/records/bulk-targets';
import { type BulkStart, startBulkAction } from '@songmill/shared/runtime/records/bulk-actions';
import type { BatchRecord } from '@songmill/shared/runtime/records/batch-record';
import { readBatchRecord } from '@songmill/shared/runtime/records/batches';
import { z } from 'zod';
import type { ApiContext, Call } from '../context.ts';
import { ProblemError } from '../errors.ts';
import { emptyBodySchema, resolveBodySchema } from '../request/action-bodies.ts';
import { sendEmpty, sendJson } from '../request/answer.ts';
import { idempotencyOf, keyReused, REPLAYED } from '../request/idempotency.ts';
import { readAction } from '../request/read-action.ts';
import { showBatch } from './get-batches.ts';
import { noSuchBatch, withOwnBatch } from './with-batch.ts';

/** Body of `POST /v1/batches/{id}/retry`: which items run again. */
export const batchRetrySchema = z
  .strictObject({
    status: z
      .array(z.enum(ACTION_STATUSES.retry))
      .min(1)
      .default([...ACTION_STATUSES.retry]),
    error_codes: z.array(z.enum(GENERATION_ERROR_CODES)).min(1).optional(),
  })
  .meta({ id: 'BatchRetryRequest' });

/** `POST /v1/batches/{id}/cancel`: from the answer on no call of it starts; calls already sent are left to finish. */
export const cancelBatch = withOwnBatch(async (ctx, call, batch) => {
  const { body, key } = await readAction(call, emptyBodySchema);
  await act(ctx, call, batch, {
    action: 'cancel',
    filter: { status: ACTION_STATUSES.cancel },
    params: {},
    asked: body,
    key,
  });
});

/** `POST /v1/batches/{id}/retry`: new runs of what failed or was canceled. */
export const retryBatch = withOwnBatch(async (ctx, call, batch) => {
  const { body, key } = await readAction(call, batchRetrySchema);
  await act(ctx, call, batch, { action: 'retry', filter: body as BatchFilter, params: {}, asked: body, key });
});

/** `POST /v1/batches/{id}/resolve`: one word of a human on every item that needs review. */
export const resolveBatch = withOwnBatch(async (ctx, call, batch) => {
  const { body, key } = await readAction(call, resolveBodySchema);
  await act(ctx, call, batch, {
    action: 'resolve',
    filter: { status: ACTION_STATUSES.resolve },
    params: body,
    asked: body,
    key,
  });
});

/** `DELETE /v1/batches/{id}`: the batch and its items as they were given go now, its songs one by one after that. */
export const deleteBatch = withOwnBatch(async (ctx, call, batch) => {
  await readAction(call, emptyBodySchema);
  const { outcome } = await startBulkAction(ctx.store, {
    ...{ id: newId('blk'), idempotency: null, project: batch.project, createdBy: call.principal.keyId },
    ...{ action: 'delete', filter: { total: batch.counts.total }, params: {} },
    matched: batch.counts.total - batch.counts.skipped,
    batch: { id: batch.id, statuses: [] },
  });
  if (outcome === 'nothing') throw noSuchBatch();
  if (outcome === 'busy') throw new ProblemError('conflict', 'the batch is not settled; cancel it first');
  sendEmpty(call, 204);
});

interface Asked {
  readonly action: GenerationAction;
  readonly filter: BatchFilter;
  readonly params: object;
  readonly asked: unknown;
  readonly key: string | null;
}

async function act(
  ctx: ApiContext,
  call: Call,
  batch: BatchRecord,
  { action, filter, params, asked, key }: Asked,
): Promise<void> {
  const input: BulkStart = {
    ...{ id: newId('blk'), idempotency: idempotencyOf(call, key, asked), action, filter, params },
    ...{ project: batch.project, createdBy: call.principal.keyId },
    matched: filter.status.reduce((sum, status) => sum + (status === 'scheduled' ? 0 : batch.counts[status]), 0),
    batch: { id: batch.id, statuses: filter.status },
  };
  const { outcome } = await startBulkAction(ctx.store, input);
  if (outcome === 'key_reused') throw keyReused();
  if (outcome === 'busy') {
    throw new ProblemError('conflict', 'the batch is still being canceled', { headers: { 'Retry-After': '1' } });
  }
  if (outcome === 'nothing' && action === 'cancel') {
    throw new ProblemError('conflict', `the batch is ${batch.status}; nothing of it can be canceled`);
  }
  const now = await readBatchRecord(ctx.store, batch.id);
  if (now === null) throw noSuchBatch();
  sendJson(call, 202, await showBatch(ctx, now), outcome === 'replayed' ? REPLAYED : {});
}
