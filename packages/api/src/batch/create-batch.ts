import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { BatchOptions } from '@songmill/shared/contract/batch';
import {
  type BatchFormat,
  readBatch,
  readBatchOptions,
  type UnusableFile,
} from '@songmill/shared/contract/batch-items';
import { type BatchQuery, readBatchQuery } from '@songmill/shared/contract/batch-query';
import { checkUrl } from '@songmill/shared/runtime/address/url';
import { newId } from '@songmill/shared/runtime/ids';
import { presentBatch } from '@songmill/shared/runtime/records/batch-record';
import {
  acceptBatch,
  itemsKey,
  noteSpool,
  readBatchRecord,
  skippedKey,
} from '@songmill/shared/runtime/records/batches';
import { createNamedJudge } from '@songmill/shared/runtime/records/named';
import { StorageError } from '@songmill/shared/runtime/storage/storage-error';
import { webhookPolicy } from '@songmill/shared/runtime/webhook-policy';
import type { ApiContext, Call, Faults } from '../context.ts';
import { ProblemError, ValidationError } from '../errors.ts';
import { sendJson, streamHeaders } from '../request/answer.ts';
import { mediaTypeOf } from '../request/body.ts';
import { idempotencyKey, idempotencyOf, keyReused, REPLAYED } from '../request/idempotency.ts';
import { readQuery } from '../request/query.ts';
import { requestUrlFault } from '../webhook/check-url.ts';
import { whileArriving } from './arriving.ts';
import { quoteOf } from './quote.ts';
import { type ReceivedBody, receiveBody, receiveToFile } from './receive.ts';
import { isAcceptable, type Spooled, spoolLines } from './spool-writer.ts';

const FORMATS: Readonly<Record<string, BatchFormat>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'text/csv': 'csv',
};

/** `POST /v1/batches`: receive, judge every line, keep the items in storage, record, answer; workers do the rest. */
export async function createBatch(ctx: ApiContext, call: Call): Promise<void> {
  const faults: Faults = [];
  const sent = idempotencyKey(call, faults);
  const format = FORMATS[mediaTypeOf(call, Object.keys(FORMATS)).essence] as BatchFormat;
  const { query, faults: wrong } = readBatchQuery(readQuery(call.rawQuery, faults), format);
  for (const fault of wrong) if (!faults.some(({ parameter }) => parameter === fault.parameter)) faults.push(fault);
  if (query === null || faults.length > 0) throw new ValidationError(faults);
  const body = receiveBody(call, ctx.settings.MAX_BATCH_BYTES);
  // A dry run makes nothing that a key could stand for.
  const key = query.dryRun ? null : sent;
  const hashed = idempotencyOf(call, key, null)?.key ?? null;
  if (hashed !== null && (await ctx.store.redis.exists(ctx.store.keys.idempotency(hashed))) === 1) {
    await replay(ctx, call, { key, format, body, hashed });
    return;
  }
  await whileArriving(ctx.store, hashed, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'songmill-batch-'));
    try {
      await receiveAndRecord(ctx, call, { key, format, body, query, folder });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}

interface Submission {
  readonly key: string | null;
  readonly format: BatchFormat;
  readonly body: ReceivedBody;
}

/** The key made a batch before: only the body's hash is asked for. */
async function replay(ctx: ApiContext, call: Call, { key, format, body, hashed }: Submission & { hashed: string }) {
  for await (const _chunk of body.chunks());
  const { redis, keys } = ctx.store;
  const [fingerprint, id] = await redis.hmget(keys.idempotency(hashed), 'fingerprint', 'id');
  if (idempotencyOf(call, key, { format, sha256: body.sha256() })?.fingerprint !== fingerprint) throw keyReused();
  await answer(ctx, call, id!, true);
}

async function receiveAndRecord(
  ctx: ApiContext,
  call: Call,
  { key, format, body, query, folder }: Submission & { query: BatchQuery; folder: string },
): Promise<void> {
  const { settings, store } = ctx;
  const open = format === 'json' ? await receiveToFile(body, join(folder, 'body.json')) : () => body.chunks();
  const options = format === 'json' ? await optionsOf(open(), settings.MAX_BODY_BYTES) : query.options;
  const faults = webhookFaults(ctx, options, format);
  const { models, DEFAULT_MODEL: defaultModel, ON_UNKNOWN_CHARGE: onUnknownCharge } = settings;
  const lines = readBatch(open, {
    ...{ format, defaults: options.defaults, csv: query.csv, rules: { models, defaultModel, onUnknownCharge } },
    ...{ mostItems: settings.MAX_BATCH_ITEMS, mostItemBytes: settings.MAX_BODY_BYTES },
    alsoFault: (item) => requestUrlFault(ctx, item),
  });
  const judgeNamed = createNamedJudge(store, call.principal.project);
  const spooled = await spoolLines(lines, { folder, settings, judgeNamed }, options.on_invalid);
  if (faults.length > 0) throw new ValidationError(faults);
  if (query.dryRun) {
    sendJson(call, 200, await quoteOf(ctx, call.principal.project, spooled, options.on_invalid));
    return;
  }
  if (!isAcceptable(spooled, options.on_invalid)) {
    await refuse(call, spooled);
    return;
  }
  await record(ctx, call, { key, format, body, options, spooled });
}

async function optionsOf(source: AsyncIterable<Uint8Array>, mostBytes: number): Promise<BatchOptions> {
  const read = await readBatchOptions(source, mostBytes);
  if ('options' in read) return read.options;
  throw unusableFile(read);
}

function unusableFile({ malformed, faults }: Pick<UnusableFile, 'malformed' | 'faults'>): ProblemError {
  if (!malformed) return new ValidationError(faults);
  const { line, column, message } = faults[0]!;
  const place = column === null ? `line ${line}` : `line ${line}, column ${column}`;
  return new ProblemError('malformed_body', `the body is not valid JSON: ${message} (${place})`);
}

function webhookFaults({ settings }: ApiContext, { webhook }: BatchOptions, format: BatchFormat): Faults {
  const verdict = webhook === null ? null : checkUrl(webhook.url, webhookPolicy(settings));
  if (verdict === null || verdict.ok) return [];
  const place = format === 'json' ? { pointer: '/webhook/url' } : { parameter: 'webhook.url' };
  return [{ ...place, code: `url_${verdict.code}`, message: verdict.message }];
}

/** Every bad line: the first ones in the problem, or all of them as NDJSON for who asks for that. */
async function refuse(call: Call, spooled: Spooled): Promise<void> {
  const { faults, faultCount, unusable, faultsPath } = spooled;
  if (unusable === 'malformed') throw unusableFile({ malformed: true, faults });
  if (!/\bapplication\/x-ndjson\b/i.test(call.req.headers.accept ?? '')) {
    throw new ValidationError(faults, { error_count: faultCount, truncated: faultCount > faults.length });
  }
  call.res.writeHead(422, {
    ...streamHeaders(call),
    'Content-Type': 'application/x-ndjson',
    'Cache-Control': 'no-store',
  });
  await pipeline(createReadStream(faultsPath), call.res);
}

async function record(
  ctx: ApiContext,
  call: Call,
  { key, format, body, options, spooled }: Submission & { options: BatchOptions; spooled: Spooled },
): Promise<void> {
  const { store, storage, settings } = ctx;
  const id = newId('bat');
  await noteSpool(store, id);
  try {
    await storage.store(itemsKey(id), spooled.itemsPath, { withName: true });
    if (spooled.invalid > 0) await storage.store(skippedKey(id), spooled.skippedPath, { withName: true });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    throw new ProblemError('storage_unavailable', 'the items cannot be kept now', {
      ...{ headers: { 'Retry-After': '5' }, cause: error },
    });
  }
  const outcome = await acceptBatch(store, {
    ...{ id, project: call.principal.project, options, maxWaiting: settings.MAX_WAITING },
    ...{ valid: spooled.valid, skipped: spooled.invalid, bytes: spooled.bytes },
    ...{ models: spooled.models, prices: spooled.prices },
    idempotency: idempotencyOf(call, key, { format, sha256: body.sha256() }),
  });
  // Should this fail, what was noted leads the sweep there a day later.
  if (outcome.outcome !== 'accepted') await storage.remove(id).catch(() => undefined);
  switch (outcome.outcome) {
    case 'accepted':
      await answer(ctx, call, id, false);
      ctx.ingests.add(outcome.pointer);
      return;
    case 'replayed':
      await answer(ctx, call, outcome.id, true);
      return;
    case 'key_reused':
      throw keyReused();
    case 'queue_full':
      throw new ProblemError('queue_full', `more than ${settings.MAX_WAITING} generations would wait`, {
        headers: { 'Retry-After': '30' },
      });
  }
}

async function answer(ctx: ApiContext, call: Call, id: string, replayed: boolean): Promise<void> {
  const batch = await readBatchRecord(ctx.store, id);
  if (batch === null) throw new ProblemError('gone', `${id} was made with this key and deleted since`);
  const shown = presentBatch(batch, ctx.settings.PUBLIC_URL ?? null);
  sendJson(call, 202, shown, { Location: shown.links.self, ...(replayed ? REPLAYED : {}) });
}
