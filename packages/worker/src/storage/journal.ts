import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { UpstreamAnswer } from '@songmill/shared/contract/generation';
import type { Charge } from '@songmill/shared/contract/words';
import type { Part } from '@songmill/shared/runtime/lifecycle';
import type { Song } from '@songmill/shared/runtime/records/types';
import { isMissing } from '@songmill/shared/runtime/storage/storage-error';
import { openLineFile } from './line-file.ts';
import { liveIn } from './owner.ts';

/** One line of the local journal: what this worker knows even if Redis loses the end of its log. */
export type JournalLine =
  /** A call is about to be made. `run` is missing in lines of older versions. */
  | { readonly event: 'intent'; readonly id: string; readonly run?: number; readonly token: string }
  /** The whole answer is in the spool: this song. `upstream` is missing in lines of older versions. */
  | {
      readonly event: 'answered';
      readonly id: string;
      readonly token: string;
      readonly song: Song;
      readonly upstream?: UpstreamAnswer | null;
    }
  | { readonly event: 'settled'; readonly id: string; readonly token: string };

export interface Journal extends Part {
  /** The folder that this worker alone writes to. */
  readonly folder: string;
  /** Where the answer of an attempt is spooled. */
  pathOf(token: string): string;
  /**
   * Resolves when the line would survive the end of this process; an `intent`, a power cut too. The others say what
   * stands in the spool, in storage or in Redis as well, so they are not synced for themselves.
   */
  write(line: JournalLine): Promise<void>;
  /** Resolves when all lines would survive a power cut. */
  sync(): Promise<void>;
  /**
   * Writes down what a call cost, or may have cost, whose generation has no record any more: it was deleted, or Redis
   * lost it. Such lines go to a file of their own beside the folders, for people to read, and stay there.
   */
  noteWithoutRecord(call: { readonly id: string; readonly token: string; readonly charge: Charge }): Promise<void>;
}

const JOURNAL_FILE = 'journal.jsonl';
const WITHOUT_RECORD_FILE = 'calls-without-record.jsonl';

/** A journal that has grown past this is written anew with only what is still open. */
const COMPACT_BYTES = 8 * 1024 * 1024;

/** Opens the spool folder of a worker, which is its own as long as this process lives. */
export async function openJournal(
  spoolDir: string,
  workerId: string,
  compactBytes: number = COMPACT_BYTES,
): Promise<Journal> {
  const folder = join(spoolDir, workerId);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const alive = await liveIn(folder);
  /** The last line of each attempt that is not settled, by token. */
  const unsettled = new Map<string, string>();
  const file = await openLineFile(join(folder, JOURNAL_FILE), compactBytes, () =>
    [...unsettled.values()].map((line) => `${line}\n`).join(''),
  );

  let closed: Promise<void> | null = null;
  return {
    folder,
    pathOf: (token) => join(folder, `${token}.part`),
    write(line) {
      const text = JSON.stringify({ at: new Date().toISOString(), ...line });
      if (line.event === 'settled') unsettled.delete(line.token);
      else unsettled.set(line.token, text);
      return file.append(text, line.event === 'intent');
    },
    sync: () => file.sync(),
    async noteWithoutRecord(call) {
      const text = JSON.stringify({ at: new Date().toISOString(), ...call, worker: workerId });
      await appendFile(join(spoolDir, WITHOUT_RECORD_FILE), `${text}\n`, { mode: 0o600, flush: true });
    },
    stop() {
      closed ??= (async () => {
        await file.stop();
        await alive.stop();
        // With nothing open the folder tells nobody anything.
        if (unsettled.size === 0) await rm(folder, { recursive: true, force: true });
      })();
      return closed;
    },
  };
}

/** The last line of each attempt in a folder that was never settled. Half a line is what a crash leaves: skipped. */
export async function readJournal(folder: string): Promise<JournalLine[]> {
  const text = await readFile(join(folder, JOURNAL_FILE), 'utf8').catch((error: unknown) => {
    if (isMissing(error)) return '';
    throw error;
  });
  const open = new Map<string, JournalLine>();
  for (const line of text.split('\n')) {
    const entry = parseLine(line);
    if (entry === null) continue;
    if (entry.event === 'settled') open.delete(entry.token);
    else open.set(entry.token, entry);
  }
  return [...open.values()];
}

function parseLine(line: string): JournalLine | null {
  if (!line.endsWith('}')) return null;
  try {
    return JSON.parse(line) as JournalLine;
  } catch {
    return null;
  }
}
