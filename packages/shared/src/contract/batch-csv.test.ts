import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellsOf, delimiterOf, readHeader } from './batch-csv.ts';
import { recordsOf } from './batch-records.ts';

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;

/** As spreadsheets write it: in quotes where it must be, or everywhere. */
const written = (cell: string, delimiter: string, always: boolean) =>
  always || /["\r\n]/.test(cell) || cell.includes(delimiter) ? quoted(cell) : cell;

async function rowsOf(body: string, delimiter: string, pieceBytes: number): Promise<unknown[]> {
  const bytes = new TextEncoder().encode(body);
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.slice(at, at + pieceBytes);
  }
  const rows: unknown[] = [];
  for await (const page of recordsOf(pieces(), { mostBytes: 100_000, delimiters: delimiter })) {
    for (const { bytes: row, fault } of page) {
      rows.push(row === null ? fault : cellsOf(new TextDecoder('utf-8', { ignoreBOM: true }).decode(row), delimiter));
    }
  }
  return rows;
}

describe('CSV', () => {
  it('whatever a spreadsheet writes is read back as it was, in pieces of any size', async () => {
    const cell = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom('"', ',', ';', '\n', '\r', 'ä', '🎵', ' ') }),
    );
    const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 8 });
    const written1 = fc.record({
      ...{ rows, delimiter: fc.constantFrom(',', ';', '\t'), always: fc.boolean() },
      ...{ end: fc.constantFrom('\n', '\r\n'), piece: fc.integer({ min: 1, max: 40 }) },
    });
    await fc.assert(
      fc.asyncProperty(written1, async ({ rows: given, delimiter, always, end, piece }) => {
        const whole = given.map((row) => row.map((each) => each.toWellFormed()));
        // A byte order mark at the very start is one, and no text.
        if (!always && whole[0]![0]!.startsWith('\ufeff')) return;
        const body = whole.map((row) => row.map((each) => written(each, delimiter, always)).join(delimiter)).join(end);
        expect(await rowsOf(body, delimiter, piece)).toEqual(whole);
      }),
      { numRuns: 150 },
    );
  });

  it('bytes of any kind end in rows or faults, never in an endless loop or an exception', async () => {
    const any = fc.string({ unit: fc.constantFrom('"', ',', '\n', '\r', 'a', '\u0000') });
    await fc.assert(
      fc.asyncProperty(any, fc.integer({ min: 1, max: 9 }), async (body, piece) => {
        const rows = await rowsOf(body, ',', piece);
        expect(rows.length).toBeLessThanOrEqual(body.split('\n').length);
        expect(await rowsOf(body, ',', body.length + 1)).toEqual(rows);
      }),
      { numRuns: 150 },
    );
  });

  it('the delimiter is found although quoted headers hold others', () => {
    expect(delimiterOf('"a;b;c";d,e')).toBe(',');
    expect(delimiterOf('"a,b,c";d;e')).toBe(';');
    expect(delimiterOf('lyrics')).toBe(',');
  });

  it('headers that begin with an underscore are notes', () => {
    const options = { columns: new Map<string, string>(), extraColumns: 'reject', delimiter: null } as const;
    expect(readHeader(['lyrics', '_line', ''], options)).toEqual({ paths: [['lyrics'], null, null], faults: [] });
  });
});
