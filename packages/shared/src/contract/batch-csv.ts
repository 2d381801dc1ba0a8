import type { ExtraColumns } from './batch.ts';

/** What concerns CSV files alone. */
export interface CsvOptions {
  /** Field of an item by the header that stands for it in the file. */
  readonly columns: ReadonlyMap<string, string>;
  readonly extraColumns: ExtraColumns;
  /** Null: found from the header. */
  readonly delimiter: string | null;
}

export const CSV_DELIMITERS = ',;\t';

/** Fields that a column may fill; `metadata.` and any name go, too. */
export const CSV_FIELDS = [
  'lyrics',
  'prompt',
  'refer_voice',
  'refer_instrumental',
  'voice_reference',
  'instrumental_reference',
  'model',
  'audio_setting.sample_rate',
  'audio_setting.bitrate',
  'audio_setting.format',
  'custom_id',
  'priority',
  'run_at',
  'start_by',
  'on_unknown_charge',
  'webhook.url',
  'webhook.events',
] as const;

const fields: ReadonlySet<string> = new Set(CSV_FIELDS);

export function isCsvField(name: string): boolean {
  return fields.has(name) || (name.startsWith('metadata.') && name.length > 'metadata.'.length);
}

/** The cells of one row, or what is wrong with its quotes. `column` counts from 1. */
export function cellsOf(
  text: string,
  delimiter: string,
): string[] | { readonly column: number; readonly message: string } {
  const cells: string[] = [];
  let at = 0;
  for (;;) {
    if (text[at] === '"') {
      let cell = '';
      for (;;) {
        const end = text.indexOf('"', at + 1);
        // Whoever cut the file into rows has seen that it closes.
        if (end < 0) return { column: cells.length + 1, message: 'a quote is not closed' };
        cell += text.slice(at + 1, end);
        at = end + 1;
        if (text[at] !== '"') break;
        cell += '"';
      }
      if (at < text.length && text[at] !== delimiter) {
        return {
          column: cells.length + 1,
          message: 'text stands after a closing quote; a quote inside a cell is doubled',
        };
      }
      cells.push(cell);
    } else {
      const next = text.indexOf(delimiter, at);
      const end = next < 0 ? text.length : next;
      const cell = text.slice(at, end);
      if (cell.includes('"')) {
        return {
          column: cells.length + 1,
          message: 'a cell that holds a quote is put in quotes, and the quote doubled',
        };
      }
      cells.push(cell);
      at = end;
    }
    if (at >= text.length) return cells;
    at++;
  }
}

/** The delimiter that the header shows most often outside quotes; a comma when there is none. */
export function delimiterOf(header: string): string {
  const bare = header.replaceAll(/"(?:[^"]|"")*"/g, '');
  const counts = [...CSV_DELIMITERS].map((each) => ({ each, count: bare.split(each).length }));
  return counts.reduce((best, next) => (next.count > best.count ? next : best)).each;
}

/** What a column fills: a path of names, or nothing. */
export type ColumnPath = readonly string[] | null;

export interface HeaderFault {
  readonly column: number | null;
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
}

const MOST_COLUMNS = 1000;

/** What each column fills, and every fault of the header. */
export function readHeader(
  headers: readonly string[],
  { columns, extraColumns }: CsvOptions,
): { paths: ColumnPath[]; faults: HeaderFault[] } {
  const faults: HeaderFault[] = [];
  if (headers.length > MOST_COLUMNS) {
    const message = `${headers.length} columns; at most ${MOST_COLUMNS} are read`;
    return { paths: [], faults: [{ column: MOST_COLUMNS + 1, pointer: '', code: 'too_many_columns', message }] };
  }
  const taken = new Map<string, number>();
  const paths = headers.map((header, index): ColumnPath => {
    const column = index + 1;
    const field = columns.get(header) ?? header;
    if (!columns.has(header) && !isCsvField(header)) {
      // A column without a name is what spreadsheets leave at the edge.
      if (extraColumns === 'ignore' || header === '' || header.startsWith('_')) return null;
      if (extraColumns === 'metadata') return ['metadata', header];
      const message = `no field is called ${JSON.stringify(header.slice(0, 64))}; name it with columns=, or set extra_columns`;
      faults.push({ column, pointer: '', code: 'unknown_column', message });
      return null;
    }
    const before = taken.get(field);
    if (before !== undefined) {
      const message = `column ${before} fills ${field}, too`;
      faults.push({ column, pointer: '', code: 'duplicate_column', message });
    }
    taken.set(field, column);
    return pathOf(field);
  });
  for (const header of columns.keys()) {
    if (headers.includes(header)) continue;
    const message = `columns= names ${JSON.stringify(header.slice(0, 64))}, and no column is called that`;
    faults.push({ column: null, pointer: '', code: 'missing_column', message });
  }
  return { paths, faults };
}

/** The item that a row says; an empty cell is absent. */
export function itemOf(cells: readonly string[], paths: readonly ColumnPath[]): Record<string, unknown> {
  const item: Record<string, unknown> = {};
  for (const [index, cell] of cells.entries()) {
    const path = paths[index];
    if (path && cell !== '') setField(item, path, cell);
  }
  return item;
}

/** Names a column, or a parameter such as `defaults.audio_setting.format`. A name of metadata may hold dots. */
export function pathOf(field: string): string[] {
  const dot = field.indexOf('.');
  return dot < 0 ? [field] : [field.slice(0, dot), field.slice(dot + 1)];
}

/** Puts text where it belongs, as the type that the field has. */
export function setField(item: Record<string, unknown>, path: readonly string[], text: string): void {
  const [first = '', second] = path;
  if (second === undefined) {
    define(item, first, text);
    return;
  }
  const inner = (Object.hasOwn(item, first) ? item[first] : undefined) ?? {};
  define(inner as Record<string, unknown>, second, typed(`${first}.${second}`, text));
  define(item, first, inner);
}

/** Names such as `__proto__` become fields like any other, which are then refused by name. */
function define(object: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

function typed(field: string, text: string): unknown {
  if (field === 'audio_setting.sample_rate' || field === 'audio_setting.bitrate') {
    return /^\d{1,9}$/.test(text) ? Number(text) : text;
  }
  return field === 'webhook.events' ? text.split(/[\s,]+/).filter((part) => part !== '') : text;
}
