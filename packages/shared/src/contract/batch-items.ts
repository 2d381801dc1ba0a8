import { type BatchOptions, batchOptionsSchema, type ItemFault } from './batch.ts';
import { bodyParts, BrokenBody } from './batch-body.ts';
import type { CsvOptions } from './batch-csv.ts';
import { parsedJson, rawItems, type RawItem, unusable } from './batch-raw.ts';
import {
  type AcceptedRequest,
  faultsOf,
  type FieldFault,
  type ItemRules,
  START_BY_PASSED,
  validateGeneration,
} from './generation-rules.ts';

export const BATCH_FORMATS = ['json', 'ndjson', 'csv'] as const;
export type BatchFormat = (typeof BATCH_FORMATS)[number];

/** How a batch is read. */
export interface BatchReading {
  readonly format: BatchFormat;
  /** Fields of items that do not have their own; those of a JSON body are read first (`readBatchOptions`). */
  readonly defaults: Readonly<Record<string, unknown>>;
  readonly csv: CsvOptions;
  readonly rules: ItemRules;
  /** MAX_BATCH_ITEMS */
  readonly mostItems: number;
  /** Of one item (MAX_BODY_BYTES). */
  readonly mostItemBytes: number;
  /** A further fault of an item as it would be sent, such as a webhook's URL. */
  readonly alsoFault?: (item: unknown) => FieldFault | null;
}

export interface AcceptedItem {
  readonly kind: 'item';
  /** Its place in the input, from 0: blank lines and the header do not count. */
  readonly index: number;
  /** Of the file, from 1. */
  readonly line: number;
  readonly request: AcceptedRequest;
}

export interface RefusedItem {
  readonly kind: 'refused';
  readonly index: number;
  readonly line: number;
  readonly faults: readonly ItemFault[];
  /** Its one fault is that an earlier line has its custom_id. */
  readonly duplicate: boolean;
  /** As it was given; null when it is no object. */
  readonly item: Readonly<Record<string, unknown>> | null;
  /** The text of the line, as far as it could be held; null when it could not. */
  readonly raw: string | null;
}

/** The file cannot be used, whatever its items say; nothing follows. `malformed`: it could not even be read. */
export interface UnusableFile {
  readonly kind: 'file';
  readonly malformed: boolean;
  readonly faults: readonly ItemFault[];
}

export type BatchLine = AcceptedItem | RefusedItem | UnusableFile;

/**
 * Reads and judges every item of a batch, with flat memory: a page of lines at a time, and the
 * `custom_id`s seen. Every fault of every line is told; what follows a bad line is read on.
 *
 * @param open the body from its first byte; asked for once
 */
export async function* readBatch(
  open: () => AsyncIterable<Uint8Array>,
  reading: BatchReading,
): AsyncGenerator<readonly BatchLine[]> {
  const judge = createJudge(reading);
  try {
    for await (const page of rawItems(open, reading)) {
      const lines: BatchLine[] = [];
      for (const raw of page) {
        if ('kind' in raw) {
          yield [...lines, raw];
          return;
        }
        const line = judge(raw);
        lines.push(line);
        if (line.kind === 'file') {
          yield lines;
          return;
        }
      }
      yield lines;
    }
  } catch (error) {
    if (!(error instanceof BrokenBody)) throw error;
    yield [unusable(true, error.line, error.column, 'malformed_json', error.message)];
    return;
  }
  if (judge.count() === 0) yield [unusable(false, 1, null, 'no_items', 'there is no item in it')];
}

/**
 * The members of a JSON body besides `items`, judged.
 *
 * @returns the options, or every fault
 */
export async function readBatchOptions(
  source: AsyncIterable<Uint8Array>,
  mostBytes: number,
): Promise<{ readonly options: BatchOptions } | UnusableFile> {
  const given: Record<string, unknown> = {};
  const faults: ItemFault[] = [];
  let bytes = 0;
  try {
    for await (const page of bodyParts(source, 'members', mostBytes)) {
      for (const part of page) {
        const name = textOf(part.key ?? '""');
        const pointer = `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
        const told = (code: string, message: string) =>
          faults.push({ line: part.line, column: null, pointer, code, message });
        bytes += part.bytes?.length ?? mostBytes;
        if (part.bytes === null || bytes > mostBytes) {
          told('too_long', `what stands beside the items may have ${mostBytes} bytes`);
          return { kind: 'file', malformed: false, faults };
        }
        const parsed = parsedJson(part.bytes, part.line, pointer);
        faults.push(...parsed.faults);
        if (typeof name !== 'string') told('malformed_json', 'the name is no JSON');
        else if (Object.hasOwn(given, name)) told('duplicate_key', 'the key is there twice');
        else Object.defineProperty(given, name, { value: parsed.value, enumerable: true, configurable: true });
      }
    }
  } catch (error) {
    if (!(error instanceof BrokenBody)) throw error;
    return unusable(true, error.line, error.column, 'malformed_json', error.message);
  }
  if (Object.hasOwn(given, 'items')) {
    faults.push({ line: 1, column: null, pointer: '/items', code: 'invalid_type', message: 'must be a list' });
    delete given['items'];
  }
  const judged = batchOptionsSchema.safeParse(given);
  for (const issue of judged.error?.issues ?? []) {
    for (const fault of faultsOf(issue)) faults.push({ line: 1, column: null, ...fault });
  }
  if (faults.length > 0 || !judged.success) return { kind: 'file', malformed: false, faults };
  return { options: judged.data };
}

function textOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function createJudge({ defaults, rules, mostItems, alsoFault }: BatchReading) {
  const lines = new Map<string, number>();
  let index = 0;

  function judge({ line, value, raw, faults: readFaults, pointer, columnOf }: RawItem): BatchLine {
    if (index >= mostItems) {
      return unusable(false, line, null, 'too_many_items', `a batch may have ${mostItems} items`);
    }
    const place = { index: index++, line };
    const item = isObject(value) ? value : null;
    const told = (found: readonly FieldFault[]): ItemFault[] =>
      found.map((fault) => ({ line, column: columnOf(fault.pointer), ...fault, pointer: pointer + fault.pointer }));
    const refused = (faults: readonly ItemFault[], duplicate = false): RefusedItem => ({
      ...{ kind: 'refused', ...place, faults, duplicate, item, raw },
    });
    if (item === null) {
      const notObject = { line, column: null, pointer, code: 'invalid_type', message: 'an item is a JSON object' };
      return refused(readFaults.length > 0 ? readFaults : [notObject]);
    }
    const whole = withDefaults(item, defaults);
    const judged = validateGeneration(whole, rules);
    const also = alsoFault?.(whole) ?? null;
    const seen = new Set(readFaults.map((fault) => fault.pointer));
    const late = judged.ok && isLate(judged.request, rules) ? [START_BY_PASSED] : [];
    const found = told([...(judged.ok ? late : judged.faults), ...(also === null ? [] : [also])]);
    const faults = [...readFaults, ...found.filter((fault) => fault.pointer === pointer || !seen.has(fault.pointer))];
    const customId = whole['custom_id'];
    if (typeof customId === 'string') {
      const first = lines.get(customId);
      if (first === undefined) lines.set(customId, line);
      else {
        const message = `line ${first} has the same custom_id`;
        faults.push(...told([{ pointer: '/custom_id', code: 'duplicate_custom_id', message }]));
        return refused(faults, faults.length === 1);
      }
    }
    if (faults.length > 0 || !judged.ok) return refused(faults);
    return { kind: 'item', ...place, request: judged.request };
  }

  return Object.assign(judge, { count: () => index });
}

function isLate({ start_by }: AcceptedRequest, { nowMs = Date.now() }: ItemRules): boolean {
  return start_by !== null && Date.parse(start_by) <= nowMs;
}

/** Nested objects of both sides are put together, but for a webhook, which is one thing. */
const PUT_TOGETHER: ReadonlySet<string> = new Set(['audio_setting', 'metadata']);

/** What an item leaves out comes from the defaults; its fields that begin with `_` are notes and go. */
export function withDefaults(
  item: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const whole: Record<string, unknown> = { priority: 'bulk', ...defaults };
  for (const [name, value] of Object.entries(item)) {
    if (name.startsWith('_') && name !== '__proto__') continue;
    const under = whole[name];
    const both = PUT_TOGETHER.has(name) && isObject(under) && isObject(value) ? { ...under, ...value } : value;
    Object.defineProperty(whole, name, { value: both, enumerable: true, configurable: true, writable: true });
  }
  return whole;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
