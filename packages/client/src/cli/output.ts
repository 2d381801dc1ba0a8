import type { Io } from './io.ts';

/** Data on stdout, everything else on stderr. */
export interface Output {
  readonly json: boolean;
  /** One record: a line of JSON, or the text for people. */
  record(data: unknown, text: string): Promise<void>;
  /** Many records of one kind: a line of JSON each, or a table. */
  table(records: readonly unknown[], header: readonly string[], rows: readonly (readonly Cell[])[]): Promise<void>;
  /** Text that is data. */
  raw(text: string | Uint8Array): Promise<void>;
  /** A line for the person, on stderr. */
  note(line: string): void;
}

export type Cell = string | number | boolean | null | undefined;

export function createOutput(io: Io, json: boolean): Output {
  // A reader that is slow is waited for, so that what is printed does not pile up in memory.
  const raw = (text: string | Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      io.stdout.write(text, (error) => (error ? reject(error) : resolve()));
    });
  return {
    json,
    raw,
    record: (data, text) => raw(json ? `${JSON.stringify(data)}\n` : `${plain(text)}\n`),
    async table(records, header, rows) {
      if (json) for (const record of records) await raw(`${JSON.stringify(record)}\n`);
      else if (rows.length > 0) await raw(tableOf(header, rows));
    },
    note: (line) => void io.stderr.write(`${plain(line)}\n`),
  };
}

/** Without control characters but line breaks: texts of others must not steer the terminal. */
export function plain(text: string): string {
  return text.replaceAll(/[\0-\x09\x0b-\x1f\x7f-\x9f]/g, ' ');
}

function tableOf(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const lines = [header, ...rows.map((row) => row.map((cell) => plain(String(cell ?? '-')).replaceAll('\n', ' ')))];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}
