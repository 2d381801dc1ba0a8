import { mkdir, open, rename, rm } from 'node:fs/promises';
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

/** A journal that has grown past this is written anew with only what is still open. */
const COMPACT_BYTES = 8 * 1024 * 1024;

export async function openJournal(
  spoolDir: string,
  workerId: string,
  compactBytes: number = COMPACT_BYTES,
): Promise<Journal> {
  const folder = join(spoolDir, workerId);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, JOURNAL_FILE);
  let file = await open(path, 'a', 0o600);
  let size = 0;
  /** The last line of each attempt that is not settled, by token. */
  const unsettled = new Map<string, string>();
  const append = groupCommit(async (text, sync) => {
    await file.appendFile(text);
    if (sync) await file.datasync();
    size += Buffer.byteLength(text);
    if (size > compactBytes) await compact();
  });

  async function compact(): Promise<void> {
    const kept = [...unsettled.values()].join('');
    const fresh = await open(`${path}.new`, 'w', 0o600);
    await fresh.appendFile(kept);
    await fresh.datasync();
    await fresh.close();
    await rename(`${path}.new`, path);
    await file.close();
    file = await open(path, 'a', 0o600);
    size = Buffer.byteLength(kept);
  }

  let closed: Promise<void> | null = null;
  return {
    folder,
    pathOf: (token) => join(folder, `${token}.part`),
    write(line) {
      const text = `${JSON.stringify({ at: new Date().toISOString(), ...line })}\n`;
      if (line.event === 'settled') unsettled.delete(line.token);
      else unsettled.set(line.token, text);
      return append(text, line.event !== 'settled');
    },
    stop() {
      closed ??= (async () => {
        await append('', true);
        await file.close();
        // With nothing open the folder tells nobody anything.
        if (unsettled.size === 0) await rm(folder, { recursive: true, force: true });
      })();
      return closed;
    },
  };
}

type Append = (text: string, sync: boolean) => Promise<void>;

/** What arrives while one append runs waits for the next one, together. */
function groupCommit(commit: Append): Append {
  let waiting: { text: string; sync: boolean; done: () => void; failed: (error: unknown) => void }[] = [];
  let flushing = false;
  const flush = async () => {
    flushing = true;
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      try {
        await commit(
          group.map((each) => each.text).join(''),
          group.some((each) => each.sync),
        );
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
