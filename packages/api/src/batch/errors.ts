import { itemId } from '@songmill/shared/runtime/ids';
import type { BatchRecord } from '@songmill/shared/runtime/records/batch-record';
import { itemsKey, skippedKey, type SkippedLine } from '@songmill/shared/runtime/records/batches';
import type { SpooledItem } from '@songmill/shared/runtime/records/ingest';
import { readGenerations } from '@songmill/shared/runtime/records/read';
import { z } from 'zod';
import type { ApiContext, Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import { parseQuery } from '../request/query.ts';
import { asGiven } from './as-given.ts';
import { sendStream } from './send-stream.ts';
import { withReadableBatch } from './with-batch.ts';
import { openSpool, spooledLines } from './spooled-lines.ts';

export const errorsQuerySchema = z.strictObject({
  include: z.enum(['skipped']).optional().meta({ description: '`skipped`: refused lines, too' }),
});

/** One line of the answer, and where it stands in the input. */
interface ErrorLine {
  readonly index: number;
  readonly text: string;
}

/** `GET /v1/batches/{id}/errors`: what failed or was canceled, in input order, to be submitted again as it is. */
export const getBatchErrors = withReadableBatch(async (ctx, call, batch) => {
  const faults: Faults = [];
  const query = parseQuery(errorsQuerySchema, call.rawQuery, faults);
  if (query === null) throw new ValidationError(faults);
  const items = failedItems(ctx, batch, await openSpool(ctx, itemsKey(batch.id)));
  const withSkipped = query.include === 'skipped' && batch.counts.skipped > 0;
  const skipped = withSkipped ? skippedLines(await openSpool(ctx, skippedKey(batch.id))) : nothing();
  const headers = {
    'Content-Type': 'application/x-ndjson',
    'Content-Disposition': `attachment; filename="${batch.id}-errors.jsonl"`,
  };
  await sendStream(call, headers, inInputOrder(items, skipped));
});

const PAGE = 100;

async function* failedItems(
  ctx: ApiContext,
  batch: BatchRecord,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<ErrorLine> {
  let page: SpooledItem[] = [];
  for await (const item of spooledLines<SpooledItem>(source)) {
    page.push(item);
    if (page.length < PAGE) continue;
    yield* failedOf(ctx, batch, page);
    page = [];
  }
  yield* failedOf(ctx, batch, page);
}

async function* failedOf(ctx: ApiContext, batch: BatchRecord, page: readonly SpooledItem[]): AsyncGenerator<ErrorLine> {
  const ids = page.map(({ index }) => itemId(batch.id, index));
  const records = await readGenerations(ctx.store, ids);
  for (const [at, record] of records.entries()) {
    const { index, line, request } = page[at]!;
    if (record !== null && record.status !== 'failed' && record.status !== 'canceled') continue;
    // One without a record is not recorded yet, or never will be.
    const error = record === null ? batch.error : record.error;
    if (error === null) continue;
    const notes = { _error_code: error.code, _error_message: error.message, _line: line };
    const value = { ...asGiven(request, Date.now()), ...notes, _generation_id: record?.id ?? null };
    yield { index, text: JSON.stringify(value) };
  }
}

async function* skippedLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<ErrorLine> {
  for await (const { index, line, item, raw, code, message } of spooledLines<SkippedLine>(source)) {
    const notes = { _error_code: code, _error_message: message, _line: line, _generation_id: null };
    yield { index, text: JSON.stringify(item === null ? { _raw: raw, ...notes } : { ...item, ...notes }) };
  }
}

async function* nothing(): AsyncGenerator<ErrorLine> {}

/** Both are in input order by themselves; so is what comes out. */
async function* inInputOrder(a: AsyncGenerator<ErrorLine>, b: AsyncGenerator<ErrorLine>): AsyncGenerator<string> {
  try {
    let [left, right] = [await a.next(), await b.next()];
    while (!left.done || !right.done) {
      if (right.done || (!left.done && left.value.index < right.value.index)) {
        yield `${(left.value as ErrorLine).text}\n`;
        left = await a.next();
      } else {
        yield `${right.value.text}\n`;
        right = await b.next();
      }
    }
  } finally {
    await Promise.all([a.return(undefined), b.return(undefined)]);
  }
}
