import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { allJsonLines } from './json-lines.ts';
import type { SecretScan } from './secret-scan.ts';
import { namesIn } from './songs.ts';

export interface JournalLine {
  readonly at: string;
  readonly event: string;
  readonly id: string;
  readonly token: string;
}

/** One folder in the spool: of a worker, or `<adopter>+<owner>`. */
export interface SpoolFolder {
  readonly name: string;
  readonly lines: readonly JournalLine[];
  /** The last line of each attempt that was not settled, by token. */
  readonly open: ReadonlyMap<string, JournalLine>;
  /** Files beside the journal. */
  readonly files: readonly string[];
  readonly bytes: number;
}

const JOURNAL = 'journal.jsonl';
/** Beside the folders: calls whose generation had no record any more when they ended. */
const WITHOUT_RECORD = 'calls-without-record.jsonl';
/** What such a line is in `JournalLine.event`; its time is the end of the call. */
export const NOTED_WITHOUT_RECORD = 'without-record';

/** The spool of every worker of the run, dead and alive. */
export async function readSpool(root: string, scan: SecretScan): Promise<SpoolFolder[]> {
  const folders: SpoolFolder[] = [];
  for (const name of await namesIn(root)) {
    if (name === WITHOUT_RECORD) {
      folders.push(await readWithoutRecord(join(root, name), scan));
      continue;
    }
    const folder = join(root, name);
    const names = await namesIn(folder);
    const lines = await allJsonLines<JournalLine>(join(folder, JOURNAL));
    if (names.includes(JOURNAL)) await scan.lookInFile(`journal of ${name}`, join(folder, JOURNAL));
    const open = new Map<string, JournalLine>();
    for (const line of lines) {
      if (line.event === 'settled') open.delete(line.token);
      else if (line.token) open.set(line.token, line);
    }
    let bytes = 0;
    for (const each of names) bytes += (await stat(join(folder, each))).size;
    folders.push({ name, lines, open, files: names.filter((each) => each !== JOURNAL), bytes });
  }
  return folders;
}

async function readWithoutRecord(path: string, scan: SecretScan): Promise<SpoolFolder> {
  await scan.lookInFile(WITHOUT_RECORD, path);
  const lines = await allJsonLines<Omit<JournalLine, 'event'>>(path);
  return {
    name: WITHOUT_RECORD,
    lines: lines.map((line) => ({ ...line, event: NOTED_WITHOUT_RECORD })),
    open: new Map(),
    files: [],
    bytes: (await stat(path)).size,
  };
}
