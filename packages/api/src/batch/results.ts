import { SETTLED_STATUSES, isSettled } from '@songmill/shared/contract/words';
import type { BatchRecord } from '@songmill/shared/runtime/records/batch-record';
import { presentGeneration } from '@songmill/shared/runtime/records/present';
import type { GenerationRecord } from '@songmill/shared/runtime/records/types';
import { z } from 'zod';
import type { ApiContext, Faults } from '../context.ts';
import { ValidationError } from '../errors.ts';
import { parseQuery } from '../request/query.ts';
import { presentation } from '../request/show-generation.ts';
import { CSV_HEADER, csvRow } from './result-csv.ts';
import { MOST_SONGS, zipEntries } from './result-zip.ts';
import { sendStream } from './send-stream.ts';
import { walkItems } from './walk-items.ts';
import { withReadableBatch } from './with-batch.ts';
import { zipOf } from './zip.ts';

export const resultsQuerySchema = z.strictObject({
  format: z
    .enum(['jsonl', 'csv', 'zip'])
    .default('jsonl')
    .meta({ description: '`jsonl`: one generation per line; `zip`: the songs and `manifest.jsonl`' }),
  status: z
    .string()
    .transform((text) => [...new Set(text.split(','))])
    .pipe(z.array(z.enum(SETTLED_STATUSES, { error: `one or more of ${SETTLED_STATUSES.join(', ')}` })))
    .optional()
    .meta({ description: 'one status or several, comma-separated' }),
  after: z
    .string()
    .regex(/^\d{1,6}$/, 'a batch_index')
    .transform(Number)
    .optional()
    .meta({ description: 'goes on after the item with this `batch_index`' }),
});

/** `GET /v1/batches/{id}/results`: settled items in input order, while the batch runs, too. */
export const getBatchResults = withReadableBatch(async (ctx, call, batch) => {
  const faults: Faults = [];
  const query = parseQuery(resultsQuerySchema, call.rawQuery, faults);
  if (query === null) throw new ValidationError(faults);
  const after = query.after ?? -1;
  const statuses: readonly string[] | undefined = query.status;
  const wants = ({ status }: GenerationRecord) =>
    isSettled(status) && (statuses === undefined || statuses.includes(status));
  const about = { batch, after, wants };
  if (query.format === 'zip') {
    refuseTooMany(batch, after);
    const headers = headersOf(batch, 'application/zip', 'zip');
    await sendStream(call, headers, zipOf(zipEntries(ctx, batch, about)));
  } else if (query.format === 'csv') {
    await sendStream(call, headersOf(batch, 'text/csv; charset=utf-8', 'csv'), csvOf(ctx, about));
  } else {
    await sendStream(call, headersOf(batch, 'application/x-ndjson', 'jsonl'), linesOf(ctx, about));
  }
});

interface About {
  readonly batch: BatchRecord;
  readonly after: number;
  readonly wants: (record: GenerationRecord) => boolean;
}

async function* linesOf(ctx: ApiContext, about: About): AsyncGenerator<string> {
  for await (const page of pagesOf(ctx, about)) {
    yield page.map((generation) => `${JSON.stringify(generation)}\n`).join('');
  }
}

async function* csvOf(ctx: ApiContext, about: About): AsyncGenerator<string> {
  yield CSV_HEADER;
  for await (const page of pagesOf(ctx, about)) yield page.map(csvRow).join('');
}

async function* pagesOf(ctx: ApiContext, { batch, after, wants }: About) {
  const show = { ...presentation(ctx), queue: null };
  for await (const page of walkItems(ctx.store, { id: batch.id, total: batch.counts.total, after })) {
    const settled = page.filter(wants);
    if (settled.length > 0) yield settled.map((record) => presentGeneration(record, show));
  }
}

function refuseTooMany({ counts }: BatchRecord, after: number): void {
  if (Math.min(counts.succeeded, counts.total - 1 - after) <= MOST_SONGS) return;
  const message = `the batch has ${counts.succeeded} songs and a zip takes ${MOST_SONGS}; download them one by one by the lines of format=jsonl`;
  throw new ValidationError([{ parameter: 'format', code: 'too_many_songs', message }]);
}

function headersOf({ id }: BatchRecord, type: string, ending: string): Record<string, string> {
  return { 'Content-Type': type, 'Content-Disposition': `attachment; filename="${id}.${ending}"` };
}
