import type { Batch } from '@songmill/shared/contract/batch';
import { etaOfBatch } from '@songmill/shared/runtime/records/batch-eta';
import { type BatchRecord, presentBatch } from '@songmill/shared/runtime/records/batch-record';
import { listBatches as listRecords } from '@songmill/shared/runtime/records/batches';
import { z } from 'zod';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import { sendJson } from '../request/answer.ts';
import { readCursor, writeCursor } from '../request/cursor.ts';
import { afterSchema, limitSchema, projectSchema } from '../request/list-query.ts';
import { noQuery, parseQuery } from '../request/query.ts';
import { withReadableBatch } from './with-batch.ts';

export const batchListQuerySchema = z.strictObject({ project: projectSchema, limit: limitSchema, after: afterSchema });

/** The batch as answers show it, with its live counts and how long the rest takes. */
export async function showBatch({ store, settings }: ApiContext, batch: BatchRecord): Promise<Batch> {
  return presentBatch(batch, settings.PUBLIC_URL ?? null, await etaOfBatch(store, batch));
}

/** `GET /v1/batches/{id}` */
export const getBatch = withReadableBatch(async (ctx, call, batch) => {
  const faults: Faults = [];
  noQuery(call, faults);
  if (faults.length > 0) throw new ValidationError(faults);
  sendJson(call, 200, await showBatch(ctx, batch));
});

/** `GET /v1/batches`: newest first, a page at a time. */
export async function listBatches(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const query = parseQuery(batchListQuerySchema, call.rawQuery, faults);
  const everywhere = call.principal.scopes.has('operate');
  if (query?.project !== undefined && !everywhere) {
    const message = 'only keys with the scope operate may name a project';
    faults.push({ parameter: 'project', code: 'unknown_parameter', message });
  }
  if (query === null || faults.length > 0) throw new ValidationError(faults);
  const project = everywhere ? (query.project ?? null) : call.principal.project;
  const filters = { batches: true, project };
  const after = query.after === undefined ? null : readCursor(filters, query.after);
  if (query.after !== undefined && (typeof after !== 'number' || !Number.isSafeInteger(after))) {
    const message = 'no cursor of this list with these filters';
    throw new ValidationError([{ parameter: 'after', code: 'invalid_cursor', message }]);
  }
  const page = await listRecords(ctx.store, { project, limit: query.limit, after: after as number | null });
  const data = await Promise.all(page.batches.map((batch) => showBatch(ctx, batch)));
  const next = page.next === null ? null : writeCursor(filters, page.next);
  sendJson(call, 200, { data, has_more: next !== null, next_cursor: next });
}
