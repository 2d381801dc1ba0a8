import type { ItemFault } from './batch.ts';
import { bodyParts } from './batch-body.ts';
import { cellsOf, CSV_DELIMITERS, type ColumnPath, delimiterOf, itemOf, readHeader } from './batch-csv.ts';
import type { BatchReading, UnusableFile } from './batch-items.ts';
import { encodingFault, type FileRecord, recordsOf } from './batch-records.ts';
import { strictFaults } from './strict-json.ts';

/** An item as the file says it, before it is judged: parsed, or with what stopped that. */
export interface RawItem {
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

export function unusable(
  malformed: boolean,
  line: number,
  column: number | null,
  code: string,
  message: string,
): UnusableFile {
  return { kind: 'file', malformed, faults: [{ line, column, pointer: '', code, message }] };
}

/** Every item of the file, page by page; `kind: file` ends it. */
export async function* rawItems(
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

/** Strict JSON in UTF-8. */
export function parsedJson(bytes: Uint8Array, line: number, pointer: string): { value: unknown; faults: ItemFault[] } {
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
