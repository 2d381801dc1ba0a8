import { requires } from '@songmill/shared/testing/requires';
import { ROWS } from './rows/index.ts';
import type { Log, Row, RowResult } from './types.ts';

/**
 * Runs rows of the matrix one after the other, each on a system of its own.
 * @param names which; null for all. A row of several cases runs all of them.
 */
export async function runRows(names: readonly string[] | null, seed: number, log: Log): Promise<RowResult[]> {
  const rows = ROWS.filter(({ row }) => names === null || names.includes(row));
  const unknown = (names ?? []).filter((name) => !ROWS.some(({ row }) => row === name));
  const results: RowResult[] = unknown.map((row) => ({ row, title: 'no such row', passed: false, seen: [] }));
  for (const row of rows) {
    log(`${row.row}: ${row.title}`);
    const result = await runRow(row, seed, log);
    for (const line of result.seen) log(`  ${line}`);
    for (const { invariant, id, message } of result.verdict?.violations ?? [])
      log(`  ${invariant} ${id ?? ''} ${message}`);
    log(result.skipped === undefined ? `  ${result.passed ? 'passed' : 'FAILED'}` : `  skipped: ${result.skipped}`);
    results.push(result);
  }
  if (unknown.length > 0) log(`no such row: ${unknown.join(', ')}; there are ${ROWS.map(({ row }) => row).join(', ')}`);
  return results;
}

async function runRow(row: Row, seed: number, log: Log): Promise<RowResult> {
  const { missing } = requires(...(row.needs ?? [])).meta;
  if (missing !== undefined) return { row: row.row, title: row.title, passed: false, seen: [], skipped: missing };
  try {
    return await row.run({ seed, log });
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { row: row.row, title: row.title, passed: false, seen: [`FAILED: it broke off: ${message}`] };
  }
}
