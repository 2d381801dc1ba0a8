import { copyFile, mkdir, open, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isMissing } from './storage-error.ts';

/** Makes the bytes of a file durable; says when there is none. */
export async function syncFile(path: string): Promise<'synced' | 'missing'> {
  try {
    const handle = await open(path, 'r+');
    try {
      await handle.datasync();
    } finally {
      await handle.close();
    }
    return 'synced';
  } catch (error) {
    if (isMissing(error)) return 'missing';
    throw error;
  }
}

/** Writes a new file whose bytes are durable; its name is not yet. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await writeFile(path, text, { flag: 'wx', mode: 0o640, flush: true });
}

export async function copyDurably(source: string, copy: string): Promise<void> {
  await copyFile(source, copy);
  await syncFile(copy);
}

/** Makes a folder and those above it, each with a durable name. */
export async function makeFolders(path: string): Promise<void> {
  const outermost = await mkdir(path, { recursive: true, mode: 0o750 });
  if (outermost === undefined) return;
  for (let folder = path; folder.length >= outermost.length; folder = dirname(folder)) {
    const handle = await open(dirname(folder), 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** @returns false when there was nothing to move */
export async function moveAway(path: string, target: string): Promise<boolean> {
  try {
    await rename(path, target);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
