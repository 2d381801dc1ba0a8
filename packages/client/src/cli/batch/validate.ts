import { createReadStream } from 'node:fs';
import type { ItemFault } from '@songmill/shared/contract/batch';
import {
  type AcceptedItem,
  type BatchLine,
  type BatchReading,
  readBatch,
  readBatchOptions,
  withDefaults,
} from '@songmill/shared/contract/batch-items';
import { type BatchQuery, readBatchQuery } from '@songmill/shared/contract/batch-query';
import { MODELS, modelNamed } from '@songmill/shared/contract/models';
import { submitQueryOf } from '../../resources/batch-calls.ts';
import { CliError, EXIT } from '../exit.ts';
import { type BatchFile, submitOptionsOf } from './source.ts';
import { splitItem } from './split.ts';

/** What a server takes unless it is set up otherwise (MAX_BATCH_ITEMS, MAX_BODY_BYTES, DEFAULT_MODEL). */
const MOST_ITEMS = 100_000;
const MOST_ITEM_BYTES = 1_048_576;
const DEFAULT_MODEL = 'music-01';

/** What was found in a file. */
export interface Verdict {
  total: number;
  valid: number;
  invalid: number;
  duplicates: number;
  faults: number;
  /** Lines whose lyrics are too long, which `--split` cuts. */
  tooLong: number;
  /** Items written by `--split`. */
  written: number;
}

export interface Listeners {
  readonly onFault: (fault: ItemFault) => Promise<void>;
  /** Given with `--split`: every item that is to be made, long ones in parts. */
  readonly onItem?: ((item: Readonly<Record<string, unknown>>) => Promise<void>) | undefined;
}

/** Judges every line by the rules of the server, without one. With `onItem` too long lyrics are cut and no fault. */
export async function validateFile(file: BatchFile, { onFault, onItem }: Listeners): Promise<Verdict> {
  const verdict: Verdict = { total: 0, valid: 0, invalid: 0, duplicates: 0, faults: 0, tooLong: 0, written: 0 };
  const reading = await readingOf(file);
  const fault = async (each: ItemFault) => {
    verdict.faults++;
    await onFault(each);
  };
  if ('faults' in reading) {
    verdict.invalid++;
    for (const each of reading.faults) await fault(each);
    return verdict;
  }
  const write = async (item: Readonly<Record<string, unknown>>) => {
    verdict.written++;
    await onItem?.(item);
  };
  for await (const page of readBatch(() => createReadStream(file.path), reading)) {
    for (const line of page) {
      if (line.kind !== 'file') verdict.total++;
      const parts = onItem && line.kind === 'refused' ? partsOf(line, reading) : null;
      const tooLong = line.kind === 'refused' && line.faults.some(isTooLong);
      if (tooLong) verdict.tooLong++;
      if (line.kind === 'item' || parts !== null) verdict.valid++;
      else verdict.invalid++;
      if (line.kind === 'refused' && line.duplicate) verdict.duplicates++;
      if (parts !== null) for (const part of parts) await write(part);
      else if (line.kind === 'item') await write(itemOf(line));
      else for (const each of line.faults) await fault(each);
    }
  }
  return verdict;
}

async function readingOf(file: BatchFile): Promise<BatchReading | { readonly faults: readonly ItemFault[] }> {
  const { options, csv } = queryOf(file);
  let { defaults } = options;
  if (file.format === 'json') {
    const judged = await readBatchOptions(createReadStream(file.path), MOST_ITEM_BYTES);
    if (!('options' in judged)) return judged;
    defaults = judged.options.defaults;
  }
  return {
    format: file.format,
    defaults,
    csv,
    rules: { models: MODELS, defaultModel: DEFAULT_MODEL, onUnknownCharge: 'retry' },
    mostItems: MOST_ITEMS,
    mostItemBytes: MOST_ITEM_BYTES,
  };
}

/** The options, read from the query that would be sent, as the server reads them. */
function queryOf(file: BatchFile): BatchQuery {
  const sent = submitQueryOf(submitOptionsOf(file));
  const { query, faults } = readBatchQuery(new Map(Object.entries(sent)), file.format);
  if (query !== null) return query;
  throw new CliError(faults.map(({ parameter, message }) => `${parameter}: ${message}`).join('; '), EXIT.usage);
}

function isTooLong({ pointer, code }: ItemFault): boolean {
  return code === 'too_long' && pointer.endsWith('/lyrics');
}

/** The parts of an item that is too long and has no other fault; null for any other. */
function partsOf(line: Extract<BatchLine, { kind: 'refused' }>, { defaults }: BatchReading) {
  if (line.item === null || !line.faults.every(isTooLong)) return null;
  const item = withDefaults(line.item, defaults);
  const { limits } = modelNamed(typeof item['model'] === 'string' ? item['model'] : DEFAULT_MODEL);
  return splitItem(item, limits.lyrics.max, `line-${line.line}`);
}

/** What is absent stays absent. */
function itemOf({ request }: AcceptedItem): Readonly<Record<string, unknown>> {
  const given = Object.entries(request).filter(([, value]) => value !== null && value !== '' && !isEmptyObject(value));
  return Object.fromEntries(given);
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
