import { listBatchItems, listGenerations as listRecords } from '@songmill/shared/runtime/records/list';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import { sendJson } from './answer.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { type ListQuery, listQuerySchema } from './list-query.ts';
import { parseQuery } from './query.ts';
import { showGeneration } from './show-generation.ts';

/** `GET /v1/generations`: newest first, of a batch in input order; filtered, a page at a time. */
export async function listGenerations(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const query = parseQuery(listQuerySchema, call.rawQuery, faults);
  const everywhere = call.principal.scopes.has('operate');
  if (query?.project !== undefined && !everywhere) {
    const message = 'only keys with the scope operate may name a project';
    faults.push({ parameter: 'project', code: 'unknown_parameter', message });
  }
  if (query === null || faults.length > 0) throw new ValidationError(faults);
  const project = everywhere ? (query.project ?? null) : call.principal.project;
  const filters = filtersOf(query, project);
  const after = positionOf(query, filters);

  const { batchId, ...others } = filters;
  const asked = { ...others, limit: query.limit, after };
  const page = batchId === null ? await listRecords(ctx.store, asked) : await listBatchItems(ctx.store, batchId, asked);
  const data = await Promise.all(page.records.map((record) => showGeneration(ctx, record)));
  const next = page.next === null ? null : writeCursor(filters, page.next);
  sendJson(call, 200, { data, has_more: next !== null, next_cursor: next });
}

function filtersOf(query: ListQuery, project: string | null) {
  return {
    project,
    statuses: query.status ? query.status.toSorted() : null,
    batchId: query.batch_id ?? null,
    customId: query.custom_id ?? null,
    errorCode: query.error_code ?? null,
    model: query.model ?? null,
    createdAfterMs: query.created_after === undefined ? null : Date.parse(query.created_after),
    createdBeforeMs: query.created_before === undefined ? null : Date.parse(query.created_before),
  };
}

function positionOf(query: ListQuery, filters: unknown): number | null {
  if (query.after === undefined) return null;
  const position = readCursor(filters, query.after);
  if (typeof position === 'number' && Number.isSafeInteger(position)) return position;
  const message = 'no cursor of this list with these filters';
  throw new ValidationError([{ parameter: 'after', code: 'invalid_cursor', message }]);
}
