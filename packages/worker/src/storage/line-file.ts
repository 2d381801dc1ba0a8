import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Part } from '@songmill/shared/runtime/lifecycle';

export interface LineFile extends Part {
  /**
   * Resolves when the line would survive the end of this process; with `sync`, a power cut too. Lines written at once
   * share one write, and those that wait for a sync one sync; who needs none does not wait for it.
   */
  append(line: string, sync: boolean): Promise<void>;
  /** Resolves when all that was appended would survive a power cut. */
  sync(): Promise<void>;
}

interface Waiting {
  readonly text: string;
  readonly sync: boolean;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Opens a file that only ever grows by lines. Once it has grown past `mostBytes` it is written anew with `kept` alone.
 * @param kept the lines that still say something, each with its line break
 */
export async function openLineFile(path: string, mostBytes: number, kept: () => string): Promise<LineFile> {
  let file = await open(path, 'a', 0o600);
  let size = (await file.stat()).size;
  await syncFolder(dirname(path));
  let waiting: Waiting[] = [];
  let written: Waiting[] = [];
  let writing = false;
  let syncing: Promise<void> | null = null;
  /** A write that failed may have left half a line, which the next one must not go on with. */
  let torn = false;

  async function writeAll(): Promise<void> {
    writing = true;
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      const text = (torn ? '\n' : '') + group.map((each) => each.text).join('');
      try {
        await file.appendFile(text);
        torn = false;
      } catch (error) {
        torn = true;
        for (const each of group) each.failed(error);
        continue;
      }
      size += Buffer.byteLength(text);
      for (const each of group) {
        if (each.sync) written.push(each);
        else each.done();
      }
      if (size > mostBytes) await shrink();
      if (written.length > 0) syncing ??= syncAll();
    }
    writing = false;
  }

  async function syncAll(): Promise<void> {
    while (written.length > 0) {
      const group = written;
      written = [];
      try {
        await file.datasync();
        for (const each of group) each.done();
      } catch (error) {
        for (const each of group) each.failed(error);
      }
    }
    syncing = null;
  }

  /** The old file stays until the new one is whole; without room for a new one it goes on growing. */
  async function shrink(): Promise<void> {
    await syncing;
    const text = kept();
    let fresh: FileHandle | null = null;
    try {
      fresh = await open(`${path}.new`, 'w', 0o600);
      await fresh.appendFile(text);
      await fresh.datasync();
      await rename(`${path}.new`, path);
    } catch {
      await fresh?.close();
      await rm(`${path}.new`, { force: true });
      return;
    }
    await syncFolder(dirname(path));
    await fresh.close();
    await file.close();
    file = await open(path, 'a', 0o600);
    size = Buffer.byteLength(text);
  }

  const append = (text: string, sync: boolean) =>
    new Promise<void>((done, failed) => {
      waiting.push({ text, sync, done, failed });
      if (!writing) void writeAll();
    });
  let closed: Promise<void> | null = null;
  return {
    append: (line, sync) => append(`${line}\n`, sync),
    sync: () => append('', true),
    stop() {
      closed ??= (async () => {
        await append('', true);
        await file.close();
      })();
      return closed;
    },
  };
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
