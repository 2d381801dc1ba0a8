/** One record of a file: a line of NDJSON, or a CSV row with the line breaks inside its quotes. */
export interface FileRecord {
  /** Where it begins, from 1. */
  readonly line: number;
  /** Without its line end; null when it cannot be read, and `fault` says why. */
  readonly bytes: Uint8Array | null;
  readonly fault: 'line_too_long' | 'unclosed_quote' | null;
}

/** Work between two turns of the event loop: what is read and judged at once. */
const PIECE_BYTES = 16_384;

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;

/** Finds the end of a record in bytes that come piece by piece. Answers the place of its LF, or -1. */
interface EndFinder {
  find(bytes: Uint8Array, from: number): number;
  /** Whether what was looked at so far ends inside quotes. */
  readonly quoted: boolean;
  reset(): void;
}

const LINES: EndFinder = { find: (bytes, from) => bytes.indexOf(LF, from), quoted: false, reset: () => undefined };

/** RFC 4180: a quote opens at the start of a cell only, and `""` inside stands for one. */
function csvEnds(delimiters: string): EndFinder {
  const parts = new Set([...delimiters].map((each) => each.charCodeAt(0)));
  let state: 'start' | 'plain' | 'quoted' | 'quote' = 'start';
  return {
    find(bytes, from) {
      for (let at = from; at < bytes.length; at++) {
        const byte = bytes[at]!;
        if (state === 'quoted') {
          if (byte === QUOTE) state = 'quote';
        } else if (byte === LF) {
          state = 'start';
          return at;
        } else if (byte === QUOTE && state !== 'plain') state = 'quoted';
        else state = parts.has(byte) ? 'start' : 'plain';
      }
      return -1;
    },
    get quoted() {
      return state === 'quoted';
    },
    reset() {
      state = 'start';
    },
  };
}

/**
 * Cuts a file into records, a page of them at a time, holding one record and one piece in memory.
 * What is longer than `mostBytes` is a fault of its line and reading goes on after it; a quote that
 * is never closed spoils its own line and no other.
 *
 * @param delimiters of CSV cells; null for NDJSON
 */
export async function* recordsOf(
  source: AsyncIterable<Uint8Array>,
  { mostBytes, delimiters }: { mostBytes: number; delimiters: string | null },
): AsyncGenerator<readonly FileRecord[]> {
  const ends = delimiters === null ? LINES : csvEnds(delimiters);
  let held: Uint8Array = new Uint8Array(0);
  let looked = 0;
  let line = 1;
  let skipping = false;

  function* takeWhole(last: boolean): Generator<FileRecord> {
    let from = 0;
    for (;;) {
      const end = skipping ? held.indexOf(LF, from) : ends.find(held, Math.max(looked, from));
      if (end >= 0) {
        if (!skipping) yield recordAt(from, end);
        line += breaksIn(held, from, end + 1);
        from = end + 1;
        looked = from;
        skipping = false;
        continue;
      }
      if (skipping) from = held.length;
      const over = held.length - from > mostBytes;
      if (!over && !(last && held.length > from)) break;
      if (ends.quoted) {
        // The line where the quote stands is lost, and what comes after it is read anew.
        yield { line, bytes: null, fault: 'unclosed_quote' };
        skipping = true;
        ends.reset();
      } else if (over) {
        yield { line, bytes: null, fault: 'line_too_long' };
        skipping = true;
        ends.reset();
      } else {
        yield recordAt(from, held.length);
        from = held.length;
      }
      looked = from;
    }
    held = held.slice(from);
    looked = held.length;
  }

  function recordAt(from: number, end: number): FileRecord {
    if (end - from > mostBytes) return { line, bytes: null, fault: 'line_too_long' };
    const until = end > from && held[end - 1] === CR ? end - 1 : end;
    return { line, bytes: held.slice(from, until), fault: null };
  }

  for await (const piece of piecesOf(source)) {
    held = joined(held, piece);
    const page = [...takeWhole(false)];
    if (page.length > 0) yield page;
  }
  const page = [...takeWhole(true)];
  if (page.length > 0) yield page;
}

/** A source in small pieces, without the byte order mark. */
export async function* piecesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start: Uint8Array | null = new Uint8Array(0);
  for await (const chunk of source) {
    let rest: Uint8Array = chunk;
    if (start !== null) {
      rest = joined(start, chunk);
      if (rest.length < 3) {
        start = rest;
        continue;
      }
      start = null;
      if (rest[0] === 0xef && rest[1] === 0xbb && rest[2] === 0xbf) rest = rest.subarray(3);
    }
    for (let at = 0; at < rest.length; at += PIECE_BYTES) yield rest.subarray(at, at + PIECE_BYTES);
  }
  if (start !== null && start.length > 0) yield start;
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function breaksIn(bytes: Uint8Array, from: number, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(LF, from); at >= 0 && at < end; at = bytes.indexOf(LF, at + 1)) count++;
  return count;
}

/** Why a file cannot be read as UTF-8 at all, or null: told by its first bytes. */
export function encodingFault(first: Uint8Array): string | null {
  const [a = 1, b = 1] = first;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff) || a === 0 || b === 0) {
    return 'the file is UTF-16 or UTF-32; save it as UTF-8';
  }
  if (a === 0x1f && b === 0x8b) return 'the file is compressed with gzip; send it as it is';
  if (a === 0x50 && b === 0x4b) return 'the file is a zip or a spreadsheet; export it as CSV in UTF-8';
  return null;
}
