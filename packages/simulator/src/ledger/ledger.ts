import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * What a line of the ledger tells: a call was accepted, billed, answered, or its client went away;
 * an upload gave ids. A refused call has only an `answer`.
 */
export type LedgerEvent = 'call' | 'charge' | 'answer' | 'gone' | 'upload';

export interface LedgerLine {
  readonly n: number;
  readonly at: string;
  readonly event: LedgerEvent;
  /** Joins the lines of one call; unique over restarts. */
  readonly call: string;
  /** The last four characters of the key; null without one. */
  readonly key: string | null;
  readonly path: string;
  readonly model?: string;
  readonly lyrics_sha256?: string;
  /** The first 80 characters. */
  readonly lyrics?: string;
  readonly tag?: string;
  /** The fault that was played, in the words of the marker grammar. */
  readonly fault?: string;
  readonly status?: number;
  readonly code?: number | string;
  readonly voice_id?: string;
  readonly instrumental_id?: string;
}

export type LedgerEntry = Omit<LedgerLine, 'n' | 'at'>;

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * An append-only JSONL file. Lines are written in the order of `append`; all that arrive while a write
 * is under way share the next one and its fsync (group commit). A torn last line of a killed process
 * stays where it is, and readers skip it.
 */
export class Ledger {
  readonly path: string;
  #file: FileHandle;
  #last: number;
  #lines: string[] = [];
  #waiters: Waiter[] = [];
  #mustSync = false;
  #flushing: Promise<void> | null = null;
  #failure: Error | null = null;

  private constructor(path: string, file: FileHandle, last: number) {
    this.path = path;
    this.#file = file;
    this.#last = last;
  }

  /** Opens or makes the file; `onLine` sees every readable line already in it. */
  static async open(path: string, onLine: (line: LedgerLine) => void = () => undefined): Promise<Ledger> {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(path, 'a+');
    let last = 0;
    const stat = await file.stat();
    // A device has no lines to go on from, and may never end.
    const size = stat.isFile() ? stat.size : 0;
    if (size > 0) {
      for await (const line of readLedger(path)) {
        last = Math.max(last, line.n);
        onLine(line);
      }
    }
    if (size > 0) {
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
      if (buffer[0] !== 0x0a) await file.appendFile('\n');
    } else {
      await syncFolder(dirname(path));
    }
    return new Ledger(path, file, last);
  }

  /** Adds a line soon, without a promise of durability. */
  append(entry: LedgerEntry): void {
    this.#add(entry);
    this.#startFlush();
  }

  /** Adds a line; resolves once it is fsynced. @throws what the write threw; nothing is retried. */
  async appendDurably(entry: LedgerEntry): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    this.#add(entry);
    this.#mustSync = true;
    const written = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
    this.#startFlush();
    return written;
  }

  /** Resolves when every line appended so far is in the file. */
  async settled(): Promise<void> {
    while (this.#flushing !== null) await this.#flushing;
    if (this.#failure !== null) throw this.#failure;
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#file.datasync();
    await this.#file.close();
  }

  #add(entry: LedgerEntry): void {
    this.#last += 1;
    this.#lines.push(`${JSON.stringify({ n: this.#last, at: new Date().toISOString(), ...entry })}\n`);
  }

  #startFlush(): void {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = null;
    });
  }

  async #flush(): Promise<void> {
    // One turn of the loop lets calls that finish together share one write.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#lines.length > 0) {
      const text = this.#lines.join('');
      const waiters = this.#waiters;
      const mustSync = this.#mustSync;
      this.#lines = [];
      this.#waiters = [];
      this.#mustSync = false;
      try {
        await this.#file.appendFile(text);
        if (mustSync) await this.#file.datasync();
        for (const waiter of waiters) waiter.resolve();
      } catch (error) {
        this.#failure = error as Error;
        for (const waiter of waiters) waiter.reject(error);
        return;
      }
    }
  }
}

/** Every readable line of a ledger, oldest first; torn ones are skipped. */
export async function* readLedger(path: string): AsyncGenerator<LedgerLine> {
  const text = createReadStream(path, 'utf8');
  for await (const line of createInterface({ input: text, crlfDelay: Number.POSITIVE_INFINITY })) {
    const parsed = parseLine(line);
    if (parsed !== null) yield parsed;
  }
}

function parseLine(line: string): LedgerLine | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'event' in value ? (value as LedgerLine) : null;
  } catch {
    return null;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  await folder.sync();
  await folder.close();
}
