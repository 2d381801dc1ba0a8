import type { Batch, BatchOptions, BatchStatus, BatchWebhook } from '@songmill/shared/contract/batch';
import type { GenerationInput } from '@songmill/shared/contract/generation';
import type { GenerationErrorCode, SettledStatus } from '@songmill/shared/contract/words';
import type { CallOptions } from '../request.ts';
import type { SpendOptions } from './generation-calls.ts';

/** A batch as JSON: what is left out has its default. */
export interface BatchInput {
  readonly items: readonly GenerationInput[];
  /** Fields of items that do not have their own. */
  readonly defaults?: Partial<GenerationInput> | undefined;
  readonly name?: string | null | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Told how the batch ended; its songs have webhooks of their own, or those of `defaults`. */
  readonly webhook?: WebhookInput | null | undefined;
  readonly on_invalid?: BatchOptions['on_invalid'] | undefined;
}

type WebhookInput = Pick<BatchWebhook, 'url'> & Partial<BatchWebhook>;

/** What a file is. */
export type BatchFormat = 'csv' | 'ndjson' | 'json';

/** A file as a Blob (in Node `await openAsBlob(path)`, which is read as it is sent), or the items one by one. */
export type BatchSource = Blob | Iterable<GenerationInput> | AsyncIterable<GenerationInput>;

export interface SubmitOptions extends SpendOptions {
  /** What a Blob is; told by its type or the name of a `File` unless given. */
  readonly format?: BatchFormat | undefined;
  readonly name?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Fields of items that do not have their own. */
  readonly defaults?: Partial<GenerationInput> | undefined;
  /** Told how the batch ended; its songs have webhooks of their own, or those of `defaults`. */
  readonly webhook?: WebhookInput | undefined;
  /** `reject` (default): one bad line refuses the file. `skip`: bad lines are counted and kept. */
  readonly onInvalid?: BatchOptions['on_invalid'] | undefined;
  /** CSV: the header that stands for a field, as `{ lyrics: 'Text' }`. */
  readonly columns?: Readonly<Record<string, string>> | undefined;
  /** CSV: what happens to columns that fill no field. */
  readonly extraColumns?: 'reject' | 'ignore' | 'metadata' | undefined;
  /** CSV: found from the header unless given. */
  readonly delimiter?: string | undefined;
}

export interface ListBatchesFilters {
  readonly status?: BatchStatus | readonly BatchStatus[] | undefined;
  /** Items per page, 1 to 100, default 20. */
  readonly limit?: number | undefined;
  /** `next_cursor` of a page with the same filters. */
  readonly after?: string | undefined;
}

export interface ResultsOptions extends CallOptions {
  readonly format?: 'jsonl' | 'csv' | 'zip' | undefined;
  readonly status?: SettledStatus | readonly SettledStatus[] | undefined;
  /** Goes on after the item of this index. */
  readonly after?: number | string | undefined;
}

export interface ErrorsOptions extends CallOptions {
  /** `skipped` adds the lines that were refused when the batch came in. */
  readonly include?: 'skipped' | undefined;
}

/** Which items of a batch run again; all that failed or were canceled unless given. */
export interface RetryFilter {
  readonly status?: readonly ('failed' | 'canceled')[] | undefined;
  readonly error_codes?: readonly GenerationErrorCode[] | undefined;
}

export interface WaitForBatchOptions {
  readonly signal?: AbortSignal | undefined;
  /** Limit for the whole wait in milliseconds; none by default. */
  readonly timeoutMs?: number | undefined;
  /** Called with every change, at most once a second, the last one included. */
  readonly onUpdate?: ((batch: Batch) => void) | undefined;
}

const TYPES: Readonly<Record<BatchFormat, string>> = {
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
};

/** What a file is by its name; null when the name does not tell. */
export function formatOfName(name: string): BatchFormat | null {
  const [, ending] = /\.([a-z]+)$/i.exec(name) ?? [];
  const known: Readonly<Record<string, BatchFormat>> = {
    ...{ csv: 'csv', tsv: 'csv', txt: 'csv', json: 'json', jsonl: 'ndjson', ndjson: 'ndjson' },
  };
  return known[ending?.toLowerCase() ?? ''] ?? null;
}

/** The body to send, under its type. Items one by one are gathered first, so that every try can send them. */
export async function fileOf(source: BatchSource, format: BatchFormat | undefined): Promise<Blob> {
  if (source instanceof Blob) {
    const named = 'name' in source && typeof source.name === 'string' ? formatOfName(source.name) : null;
    const type = format ? TYPES[format] : source.type || TYPES[named ?? 'ndjson'];
    return type === source.type ? source : source.slice(0, source.size, type);
  }
  const parts: string[] = [];
  for await (const item of source) parts.push(`${JSON.stringify(item)}\n`);
  return new Blob(parts, { type: TYPES.ndjson });
}

/** Options of a file as the query has them, nested names dotted; in one order, however they were given. */
export function submitQueryOf(options: SubmitOptions): Record<string, string> {
  const { columns } = options;
  const entries = Object.entries({
    name: options.name,
    on_invalid: options.onInvalid,
    columns: columns && listOf(columns),
    extra_columns: options.extraColumns,
    delimiter: options.delimiter === '\t' ? 'tab' : options.delimiter,
    ...dotted('metadata', options.metadata),
    ...dotted('defaults', options.defaults),
    ...dotted('webhook', options.webhook),
  });
  const given = entries.filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(given.sort(byName));
}

function listOf(columns: Readonly<Record<string, string>>): string {
  const sorted = Object.entries(columns).sort(byName);
  return sorted.map(([field, header]) => `${field}:${header}`).join(',');
}

function byName([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function dotted(prefix: string, value: unknown): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (Array.isArray(value)) return { [prefix]: value.join(',') };
  if (typeof value !== 'object') return { [prefix]: typeof value === 'string' ? value : JSON.stringify(value) };
  return Object.assign(
    {},
    ...Object.entries(value).map(([name, inner]) => dotted(`${prefix}.${name}`, inner)),
  ) as Record<string, string>;
}
