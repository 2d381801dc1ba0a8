import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Song } from '@songmill/shared/runtime/records/types';

/** One line of the local journal: what this worker knows even if Redis loses the end of its log. */
export type JournalLine =
  | { readonly event: 'intent'; readonly id: string; readonly token: string }
  | { readonly event: 'answered'; readonly id: string; readonly token: string; readonly song: Song }
  | { readonly event: 'settled'; readonly id: string; readonly token: string };

export interface Journal extends Part {
  /** The folder that this worker alone writes to. */
  readonly folder: string;
  /** Where the answer of an attempt is spooled. */
  pathOf(token: string): string;
  /**
   * Resolves when the line would survive a power cut; lines written together share one sync. `settled` is
   * only written, not synced: what it says stands in Redis or in storage too.
   */
  write(line: JournalLine): Promise<void>;
}

export const JOURNAL_FILE = 'journal.jsonl';

export async function openJournal(spoolDir: string, workerId: string): Promise<Journal> {
  const folder = join(spoolDir, workerId);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = await open(join(folder, JOURNAL_FILE), 'a', 0o600);
  const append = groupCommit(file);
  const unsettled = new Set<string>();
  let closed: Promise<void> | null = null;
  return {
    folder,
    pathOf: (token) => join(folder, `${token}.part`),
    write(line) {
      if (line.event === 'settled') unsettled.delete(line.token);
      else unsettled.add(line.token);
      return append(`${JSON.stringify({ at: new Date().toISOString(), ...line })}\n`, line.event !== 'settled');
    },
    stop() {
      closed ??= (async () => {
        await file.close();
        // With nothing open the folder tells nobody anything.
        if (unsettled.size === 0) await rm(folder, { recursive: true, force: true });
      })();
      return closed;
    },
  };
}

/** Appends and syncs; while one sync runs, what arrives waits for the next one together. */
function groupCommit(file: FileHandle): (text: string, sync: boolean) => Promise<void> {
  let waiting: { text: string; sync: boolean; done: () => void; failed: (error: unknown) => void }[] = [];
  let flushing = false;
  const flush = async () => {
    flushing = true;
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      try {
        await file.write(group.map((each) => each.text).join(''));
        if (group.some((each) => each.sync)) await file.datasync();
        for (const each of group) each.done();
      } catch (error) {
        for (const each of group) each.failed(error);
      }
    }
    flushing = false;
  };
  return (text, sync) =>
    new Promise((done, failed) => {
      waiting.push({ text, sync, done, failed });
      if (!flushing) void flush();
    });
}
