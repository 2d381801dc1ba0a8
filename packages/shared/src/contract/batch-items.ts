import { type BatchOptions, batchOptionsSchema, type ItemFault } from './batch.ts';
import { bodyParts, BrokenBody } from './batch-body.ts';
import {
  cellsOf,
  CSV_DELIMITERS,
  type ColumnPath,
  type CsvOptions,
  delimiterOf,
  itemOf,
  readHeader,
} from './batch-csv.ts';
import { encodingFault, type FileRecord, recordsOf } from './batch-records.ts';
import {
  type AcceptedRequest,
  faultsOf,
  type FieldFault,
  type ItemRules,
  validateGeneration,
} from './generation-rules.ts';
import { strictFaults } from './strict-json.ts';

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

interface RawItem {
  readonly line: number;
  readonly value: unknown;
  readonly raw: string | null;
  readonly faults: readonly ItemFault[];
  readonly pointer: string;
  readonly columnOf: (pointer: string) => number | null;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const lossy = new TextDecoder('utf-8', { ignoreBOM: true });
const noColumn = () => null;

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

function unusable(
  malformed: boolean,
  line: number,
  column: number | null,
  code: string,
  message: string,
): UnusableFile {
  return { kind: 'file', malformed, faults: [{ line, column, pointer: '', code, message }] };
}

async function* rawItems(
  open: () => AsyncIterable<Uint8Array>,
  reading: BatchReading,
): AsyncGenerator<readonly (RawItem | UnusableFile)[]> {
  const { format, mostItemBytes: mostBytes } = reading;
  if (format === 'json') {
    let index = 0;
    for await (const page of bodyParts(open(), 'items', mostBytes)) {
      yield page.map(({ line, bytes }) =>
        jsonItem({ line, bytes, fault: bytes === null ? 'line_too_long' : null }, mostBytes, `/items/${index++}`),
      );
    }
    return;
  }
  const delimiters = format === 'csv' ? (reading.csv.delimiter ?? CSV_DELIMITERS) : null;
  let rows: ((record: FileRecord) => RawItem | UnusableFile | null) | null = null;
  let first = true;
  for await (const page of recordsOf(open(), { mostBytes, delimiters })) {
    const items: (RawItem | UnusableFile)[] = [];
    for (const record of page) {
      if (first) {
        const fault = encodingFault(record.bytes ?? new Uint8Array([1, 1]));
        if (fault !== null) {
          yield [unusable(false, 1, null, 'not_utf8', fault)];
          return;
        }
        first = false;
        if (delimiters !== null) {
          const header = csvRows(record, reading);
          if (typeof header !== 'function') {
            yield [header];
            return;
          }
          rows = header;
          continue;
        }
      }
      const item = rows === null ? lineItem(record, mostBytes) : rows(record);
      if (item !== null) items.push(item);
    }
    if (items.length > 0) yield items;
  }
}

/** Null for a blank line. */
function lineItem(record: FileRecord, mostBytes: number): RawItem | null {
  return record.bytes !== null && isBlank(record.bytes) ? null : jsonItem(record, mostBytes, '');
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function jsonItem({ line, bytes, fault }: FileRecord, mostBytes: number, pointer: string): RawItem {
  if (bytes === null) return spoilt(line, null, pointer, fault, mostBytes);
  const { value, faults } = parsedJson(bytes, line, pointer);
  return { line, value, raw: lossy.decode(bytes), faults, pointer, columnOf: noColumn };
}

function spoilt(
  line: number,
  raw: string | null,
  pointer: string,
  fault: FileRecord['fault'],
  mostBytes: number,
): RawItem {
  const message =
    fault === 'unclosed_quote' ? 'a quote that opens here is never closed' : `longer than ${mostBytes} bytes`;
  const faults = [{ line, column: null, pointer, code: fault ?? 'line_too_long', message }];
  return { line, value: undefined, raw, faults, pointer, columnOf: noColumn };
}

function parsedJson(bytes: Uint8Array, line: number, pointer: string): { value: unknown; faults: ItemFault[] } {
  const told = (column: number | null, code: string, message: string) => ({
    value: undefined,
    faults: [{ line, column, pointer, code, message }],
  });
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return told(null, 'not_utf8', 'not valid UTF-8');
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // V8's message quotes the text; where it is says enough.
    const at = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    return told(at === undefined ? null : Number(at) + 1, 'malformed_json', 'not valid JSON');
  }
  const faults = strictFaults(text).map((fault) => ({
    line,
    column: null,
    ...fault,
    pointer: pointer + fault.pointer,
  }));
  return { value: faults.some(({ code }) => code === 'too_deep') ? undefined : value, faults };
}

function textOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Reads the header row; answers how each row after it becomes an item. */
function csvRows(header: FileRecord, { csv, mostItemBytes }: BatchReading) {
  if (header.bytes === null) {
    return {
      kind: 'file' as const,
      malformed: false,
      faults: spoilt(header.line, null, '', header.fault, mostItemBytes).faults,
    };
  }
  const text = decoded(header.bytes);
  if (text === null) return unusable(false, header.line, null, 'not_utf8', 'not valid UTF-8; save the file as UTF-8');
  const delimiter = csv.delimiter ?? delimiterOf(text);
  const headers = cellsOf(text, delimiter);
  if (!Array.isArray(headers)) return unusable(false, header.line, headers.column, 'bad_quote', headers.message);
  const { paths, faults } = readHeader(headers, csv);
  if (faults.length > 0) {
    return {
      kind: 'file' as const,
      malformed: false,
      faults: faults.map((fault) => ({ line: header.line, ...fault })),
    };
  }
  const columnOf = columnFinder(paths);
  return ({ line, bytes, fault }: FileRecord): RawItem | null => {
    if (bytes === null) return spoilt(line, null, '', fault, mostItemBytes);
    if (isBlank(bytes)) return null;
    const raw = decoded(bytes);
    const bad = (column: number | null, code: string, message: string): RawItem => ({
      ...{ line, value: undefined, raw: raw ?? lossy.decode(bytes), pointer: '', columnOf },
      faults: [{ line, column, pointer: '', code, message }],
    });
    if (raw === null) return bad(null, 'not_utf8', 'not valid UTF-8');
    const cells = cellsOf(raw, delimiter);
    if (!Array.isArray(cells)) return bad(cells.column, 'bad_quote', cells.message);
    if (cells.length > headers.length) {
      return bad(headers.length + 1, 'too_many_cells', `${cells.length} cells, and the header has ${headers.length}`);
    }
    return { line, value: itemOf(cells, paths), raw, faults: [], pointer: '', columnOf };
  };
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/** Which column a fault's pointer concerns. */
function columnFinder(paths: readonly ColumnPath[]): (pointer: string) => number | null {
  const byPointer = new Map<string, number>();
  for (const [index, path] of paths.entries()) {
    if (path) byPointer.set(`/${path.join('/')}`, index + 1);
  }
  return (pointer) => byPointer.get(pointer) ?? null;
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
    const found = told([...(judged.ok ? [] : judged.faults), ...(also === null ? [] : [also])]);
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

/** Nested objects of both sides are put together, but for a webhook, which is one thing. */
const PUT_TOGETHER: ReadonlySet<string> = new Set(['audio_setting', 'metadata']);

/** What an item leaves out comes from the defaults; its fields that begin with `_` are notes and go. */
function withDefaults(
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
