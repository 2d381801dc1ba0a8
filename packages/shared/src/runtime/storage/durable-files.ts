import { copyFile, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
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

/** Writes a new file whose bytes are durable; its name is not yet. Leaves nothing when it fails. */
export async function writeDurably(path: string, text: string): Promise<void> {
  await orNothing(path, () => writeFile(path, text, { flag: 'wx', mode: 0o640, flush: true }));
}

/** Copies to a new file whose bytes are durable; its name is not yet. Leaves nothing when it fails. */
export async function copyDurably(source: string, copy: string): Promise<void> {
  await orNothing(copy, async () => {
    await copyFile(source, copy);
    await syncFile(copy);
  });
}

/** A full disk must not fill up with halves. */
async function orNothing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
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
