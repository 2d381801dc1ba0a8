import { batchOptionsSchema, type BatchOptions, EXTRA_COLUMNS, type ExtraColumns } from './batch.ts';
import { CSV_DELIMITERS, type CsvOptions, isCsvField, pathOf, setField } from './batch-csv.ts';
import type { BatchFormat } from './batch-items.ts';
import { faultsOf } from './generation-rules.ts';

/** What the query of `POST /v1/batches` says; for JSON the body says the rest. */
export interface BatchQuery {
  readonly options: BatchOptions;
  readonly csv: CsvOptions;
  readonly dryRun: boolean;
}

export interface QueryFault {
  readonly parameter: string;
  readonly code: string;
  readonly message: string;
}

const DELIMITER_NAMES: Readonly<Record<string, string>> = { comma: ',', semicolon: ';', tab: '\t' };
const CSV_ONLY: ReadonlySet<string> = new Set(['columns', 'extra_columns', 'delimiter']);

/**
 * Reads the options of a batch from the parameters of its query. Names with a dot fill what they name:
 * `metadata.x`, `defaults.x`, `defaults.audio_setting.format`, `webhook.url`.
 *
 * @param parameters decoded, each at most once and not empty
 */
export function readBatchQuery(
  parameters: ReadonlyMap<string, string>,
  format: BatchFormat,
): { readonly query: BatchQuery | null; readonly faults: readonly QueryFault[] } {
  const faults: QueryFault[] = [];
  const fault = (parameter: string, code: string, message: string) => faults.push({ parameter, code, message });
  const given: Record<string, unknown> = {};
  let dryRun = false;
  let columns: ReadonlyMap<string, string> = new Map();
  let extraColumns: ExtraColumns = 'reject';
  let delimiter: string | null = null;
  for (const [name, value] of parameters) {
    const [first = '', rest] = pathOf(name);
    if (name === 'dry_run') {
      if (value !== 'true' && value !== 'false') fault(name, 'invalid_value', 'true or false');
      dryRun = value === 'true';
    } else if (format === 'json' || (CSV_ONLY.has(name) && format !== 'csv')) {
      const message = format === 'json' ? 'with JSON the body says it' : 'only for CSV';
      fault(name, 'unknown_parameter', message);
    } else if (name === 'columns') {
      const read = columnsOf(value);
      if (typeof read === 'string') fault(name, 'invalid_value', read);
      else columns = read;
    } else if (name === 'extra_columns') {
      const known = EXTRA_COLUMNS.find((each) => each === value);
      if (known === undefined) fault(name, 'invalid_value', `one of ${EXTRA_COLUMNS.join(', ')}`);
      else extraColumns = known;
    } else if (name === 'delimiter') {
      delimiter = DELIMITER_NAMES[value] ?? value;
      if (delimiter.length !== 1 || !CSV_DELIMITERS.includes(delimiter)) {
        fault(name, 'invalid_value', 'a comma, a semicolon or tab');
      }
    } else if (name === 'name' || name === 'on_invalid') setField(given, [name], value);
    else if (first === 'metadata' && rest) setField(given, ['metadata', rest], value);
    else if (name === 'webhook.url' || name === 'webhook.events') setField(given, pathOf(name), value);
    else if (first === 'defaults' && rest && isCsvField(rest)) {
      const defaults = (given['defaults'] ?? {}) as Record<string, unknown>;
      setField(defaults, pathOf(rest), value);
      given['defaults'] = defaults;
    } else fault(name, 'unknown_parameter', 'no such parameter');
  }
  const judged = batchOptionsSchema.safeParse(given);
  for (const issue of judged.error?.issues ?? []) {
    for (const { pointer, code, message } of faultsOf(issue)) {
      fault(
        pointer
          .slice(1)
          .replace(/^(metadata|webhook)\//, '$1.')
          .replace(/\/\d+$/, ''),
        code,
        message,
      );
    }
  }
  if (faults.length > 0 || !judged.success) return { query: null, faults };
  return { query: { options: judged.data, csv: { columns, extraColumns, delimiter }, dryRun }, faults };
}

/** `lyrics:Text,custom_id:Id`: fields by header. Answers what is wrong instead when it cannot be read. */
function columnsOf(text: string): ReadonlyMap<string, string> | string {
  const columns = new Map<string, string>();
  for (const part of text.split(',')) {
    const colon = part.indexOf(':');
    const [field, header] = [part.slice(0, colon), part.slice(colon + 1)];
    if (colon < 1 || header === '') return 'field:Header pairs with commas between them, such as lyrics:Text';
    if (!isCsvField(field)) return `no field is called ${JSON.stringify(field.slice(0, 64))}`;
    if (columns.has(header)) return `the header ${JSON.stringify(header.slice(0, 64))} is there twice`;
    columns.set(header, field);
  }
  return columns;
}
