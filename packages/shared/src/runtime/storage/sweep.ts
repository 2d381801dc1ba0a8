import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from './storage-error.ts';

/** Longer than any living process needs for one file. */
const ABANDONED_MS = 3_600_000;

/** Removes what killed processes left half-written. Several processes may sweep at once. */
export async function sweep(temporary: string, nowMs = Date.now()): Promise<void> {
  for (const name of await readdir(temporary)) {
    const path = join(temporary, name);
    try {
      const { mtimeMs } = await stat(path);
      if (nowMs - mtimeMs > ABANDONED_MS) await rm(path, { recursive: true, force: true });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}
