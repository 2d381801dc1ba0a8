import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Machine } from '@songmill/shared/testing/machine';
import type { Result } from './result.ts';

const run = promisify(execFile);
const FILE = 'bench/last.json';

/** A result as `bench/last.json` keeps it: with when, at which commit and where it was measured. */
export interface KeptResult extends Result {
  readonly at: string;
  readonly commit: string;
  readonly machine: Machine;
  /** Load average of one minute when the run began: what else the machine was doing. */
  readonly loadBefore: number;
}

/** By id. */
export type Kept = Readonly<Record<string, KeptResult>>;

/** The results that are in the working folder. */
export async function readKept(root: string): Promise<Kept> {
  try {
    return JSON.parse(await readFile(join(root, FILE), 'utf8')) as Kept;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/** The results of the last commit, so that running twice does not lower the bar; without git those of the folder. */
export async function readCommitted(root: string): Promise<Kept> {
  const shown = await run('git', ['show', `HEAD:${FILE}`], { cwd: root, maxBuffer: 10_485_760 }).catch(() => null);
  return shown === null ? readKept(root) : (JSON.parse(shown.stdout) as Kept);
}

/** Rows that were not measured now stay as they are. */
export async function keep(root: string, results: readonly KeptResult[]): Promise<Kept> {
  const kept: Kept = {
    ...(await readKept(root)),
    ...Object.fromEntries(results.map((result) => [result.id, result])),
  };
  await writeFile(join(root, FILE), `${JSON.stringify(kept, null, 2)}\n`);
  return kept;
}
