import type { Generation } from '@songmill/shared/contract/generation';

type Column = readonly [name: string, value: (generation: Generation) => string | number | null];

const COLUMNS: readonly Column[] = [
  ['batch_index', (of) => of.batch_index],
  ['custom_id', (of) => of.custom_id],
  ['id', (of) => of.id],
  ['status', (of) => of.status],
  ['model', (of) => of.request.model],
  ['lyrics', (of) => of.request.lyrics],
  ['audio_url', (of) => of.result?.audio_url ?? null],
  ['format', (of) => of.result?.format ?? null],
  ['kind', (of) => of.result?.kind ?? null],
  ['duration_ms', (of) => of.result?.duration_ms ?? null],
  ['bytes', (of) => of.result?.bytes ?? null],
  ['sha256', (of) => of.result?.sha256 ?? null],
  ['error_code', (of) => of.error?.code ?? null],
  ['error_message', (of) => of.error?.message ?? null],
  ['attempts', (of) => of.attempts_total],
  ['currency', (of) => of.cost.currency],
  ['charged', (of) => of.cost.charged],
  ['unknown', (of) => of.cost.unknown],
  ['created_at', (of) => of.created_at],
  ['finished_at', (of) => of.finished_at],
];

export const CSV_HEADER = row(COLUMNS.map(([name]) => name));

export function csvRow(generation: Generation): string {
  return row(COLUMNS.map(([, value]) => cell(value(generation))));
}

/**
 * RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe in front
 * (OWASP, CSV injection).
 */
function cell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const safe = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function row(cells: readonly string[]): string {
  return `${cells.join(',')}\r\n`;
}
