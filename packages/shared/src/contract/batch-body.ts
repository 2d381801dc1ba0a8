import { encodingFault, piecesOf } from './batch-records.ts';

/**
 * A part of a JSON body: an element of `items`, or any other member of the object. `bytes` is null
 * when it is longer than may be held.
 */
export interface BodyPart {
  /** From 1. */
  readonly line: number;
  /** The member's name as JSON text; null for an element of `items`. */
  readonly key: string | null;
  readonly bytes: Uint8Array | null;
}

/** The body is no JSON object, or breaks off. `line` and `column` say where, from 1. */
export class BrokenBody extends Error {
  override readonly name = 'BrokenBody';
  readonly line: number;
  readonly column: number;

  constructor(what: string, line: number, column: number) {
    super(what);
    this.line = line;
    this.column = column;
  }
}

type State =
  | 'object'
  | 'firstKey'
  | 'key'
  | 'colon'
  | 'value'
  | 'comma'
  | 'firstElement'
  | 'element'
  | 'elementComma'
  | 'end';

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const [OPEN, CLOSE] = ['{'.charCodeAt(0), '}'.charCodeAt(0)];
const [OPEN_LIST, CLOSE_LIST] = ['['.charCodeAt(0), ']'.charCodeAt(0)];
const [COLON, COMMA] = [':'.charCodeAt(0), ','.charCodeAt(0)];

/** What is being collected: how deep it is nested, and whether inside a string. */
interface Collecting {
  readonly line: number;
  readonly kind: 'key' | 'value' | 'element';
  readonly scalar: boolean;
  parts: Uint8Array[];
  bytes: number;
  depth: number;
  inString: boolean;
  escaped: boolean;
}

/**
 * Walks `{"items": [...], ...}` without holding it: each element of `items` and every other member
 * comes as its own bytes, which the caller parses. Brackets and commas between them are judged here.
 *
 * @param wanted what is collected; the rest is walked over
 * @throws BrokenBody
 */
export async function* bodyParts(
  source: AsyncIterable<Uint8Array>,
  wanted: 'items' | 'members',
  mostBytes: number,
): AsyncGenerator<readonly BodyPart[]> {
  let state: State = 'object';
  let line = 1;
  let column = 0;
  let key = '';
  let now: Collecting | null = null;
  const broken = (what: string) => new BrokenBody(what, line, column);

  function begin(byte: number): Collecting {
    const kind = state === 'key' || state === 'firstKey' ? 'key' : state === 'value' ? 'value' : 'element';
    const container = byte === OPEN || byte === OPEN_LIST;
    const scalar = !container && byte !== QUOTE;
    return {
      line,
      kind,
      scalar,
      parts: [],
      bytes: 0,
      depth: container ? 1 : 0,
      inString: byte === QUOTE,
      escaped: false,
    };
  }

  function keep(piece: Uint8Array, from: number, end: number): void {
    const wants = now!.kind === 'key' || (now!.kind === 'element') === (wanted === 'items');
    now!.bytes += end - from;
    if (wants && now!.bytes <= mostBytes && end > from) now!.parts.push(piece.slice(from, end));
  }

  /** What was collected is whole. */
  function finish(): BodyPart | null {
    const { kind, parts, bytes, line: began } = now!;
    now = null;
    if (kind === 'key') {
      key = bytes > mostBytes ? '""' : new TextDecoder().decode(concat(parts));
      state = 'colon';
      return null;
    }
    state = kind === 'value' ? 'comma' : 'elementComma';
    if ((kind === 'element') !== (wanted === 'items')) return null;
    return { line: began, key: kind === 'value' ? key : null, bytes: bytes > mostBytes ? null : concat(parts) };
  }

  /** A byte between values. */
  function step(byte: number): 'began' | 'passed' {
    if (byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === 0x0a) return 'passed';
    switch (state) {
      case 'object':
        if (byte !== OPEN) throw broken('the body is no JSON object');
        state = 'firstKey';
        return 'passed';
      case 'firstKey':
      case 'key':
        if (byte === CLOSE && state === 'firstKey') {
          state = 'end';
          return 'passed';
        }
        if (byte !== QUOTE) throw broken('a name in quotes is missing');
        return 'began';
      case 'colon':
        if (byte !== COLON) throw broken('a colon is missing');
        state = 'value';
        return 'passed';
      case 'value':
        if (byte === OPEN_LIST && key === '"items"') {
          state = 'firstElement';
          return 'passed';
        }
        break;
      case 'comma':
        if (byte !== COMMA && byte !== CLOSE) throw broken('a comma is missing');
        state = byte === COMMA ? 'key' : 'end';
        return 'passed';
      case 'firstElement':
        if (byte !== CLOSE_LIST) break;
        state = 'comma';
        return 'passed';
      case 'element':
        break;
      case 'elementComma':
        if (byte !== COMMA && byte !== CLOSE_LIST) throw broken('a comma is missing');
        state = byte === COMMA ? 'element' : 'comma';
        return 'passed';
      case 'end':
        throw broken('text stands after the end');
    }
    if (byte === COMMA || byte === COLON || byte === CLOSE || byte === CLOSE_LIST) throw broken('a value is missing');
    return 'began';
  }

  let first = true;
  for await (const piece of piecesOf(source)) {
    const unreadable = first ? encodingFault(piece) : null;
    if (unreadable !== null) throw broken(unreadable);
    first = false;
    const page: BodyPart[] = [];
    let from = 0;
    const close = (end: number): void => {
      keep(piece, from, end);
      const part = finish();
      if (part !== null) page.push(part);
    };
    for (let at = 0; at < piece.length; at++) {
      const byte = piece[at]!;
      if (byte === 0x0a) {
        line++;
        column = 0;
      } else column++;
      if (now === null) {
        if (step(byte) === 'began') {
          now = begin(byte);
          from = at;
        }
        continue;
      }
      const open: Collecting = now;
      if (open.inString) {
        if (open.escaped) open.escaped = false;
        else if (byte === BACKSLASH) open.escaped = true;
        else if (byte === QUOTE) {
          open.inString = false;
          if (open.depth === 0) close(at + 1);
        }
      } else if (open.scalar) {
        if (byte === COMMA || byte === CLOSE || byte === CLOSE_LIST || byte <= 0x20) {
          close(at);
          step(byte);
        }
      } else if (byte === QUOTE) open.inString = true;
      else if (byte === OPEN || byte === OPEN_LIST) open.depth++;
      else if (byte === CLOSE || byte === CLOSE_LIST) {
        open.depth--;
        if (open.depth === 0) close(at + 1);
      }
    }
    if (now !== null) keep(piece, from, piece.length);
    if (page.length > 0) yield page;
  }
  if ((state as State) !== 'end') throw broken('the body ends too early');
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
