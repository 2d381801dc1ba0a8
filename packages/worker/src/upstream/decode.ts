import type { Answer, AudioState, KeptPath, KeptValue } from './envelope.ts';
import { KEPT_PATHS } from './envelope.ts';
import { TextCollector } from './text-collector.ts';

/** Takes the hex digits of `data.audio` as they arrive; see `SongFile`. */
export interface AudioSink {
  /** @returns false when `source[from, to)` holds anything but hex digits; it is not called again then. */
  digits(source: Uint8Array, from: number, to: number): boolean;
}

/** Where the reader stands; numbers, because the reader asks once per byte. */
const AT = {
  byteOrderMark: 0,
  value: 1,
  valueOrEnd: 2,
  keyOrEnd: 3,
  key: 4,
  colon: 5,
  commaOrEnd: 6,
  inKey: 7,
  inText: 8,
  inHex: 9,
  inNumber: 10,
  inLiteral: 11,
  end: 12,
  failed: 13,
} as const;
type At = (typeof AT)[keyof typeof AT];

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

const DEEPEST = 64;
const TEXT_BYTES = 4096;
const EXCERPT_BYTES = 2000;

const AUDIO_PATH = 'data.audio';
const KEPT: ReadonlySet<string> = new Set(KEPT_PATHS);
/** What may stand only once, because what the answer means hangs on it. */
const DECISIVE: ReadonlySet<string> = new Set([
  'base_resp',
  'base_resp.status_code',
  'error',
  'error.err_code',
  'data',
  'data.status',
  AUDIO_PATH,
]);

/**
 * Reads one JSON answer as its bytes arrive. The digits at exactly `data.audio` go straight to the
 * sink; the values of `KEPT_PATHS` are kept, each up to 4 KiB; everything else is read past. Memory
 * does not grow with the answer.
 *
 * Rules that JSON leaves open: a byte order mark before the answer is skipped; broken UTF-8 in text
 * becomes U+FFFD; a key that occurs twice on a path we read makes the answer unreadable, because
 * readers disagree which one counts; so does nesting deeper than 64. Text beyond the kept length is
 * not judged. An escape inside the hex digits counts as a bad digit. How the bytes were split never
 * changes the result.
 */
export class AnswerReader {
  readonly #sink: AudioSink;
  readonly #kept = new Map<KeptPath, KeptValue>();
  readonly #seen = new Set<string>();
  readonly #excerpt = new TextCollector(EXCERPT_BYTES);
  readonly #text = new TextCollector(TEXT_BYTES);
  /** One entry per open object or array: true for an object. */
  readonly #open: boolean[] = [];
  #at: At = AT.byteOrderMark;
  #markBytes = 0;
  #fault: string | null = null;
  #escaped = false;
  /** Keys of the two outermost objects that lead to the value being read; null for any other. */
  #section: string | null = null;
  #path: string | null = null;
  #audio: AudioState = 'absent';
  #audioDigits = 0;

  constructor(sink: AudioSink) {
    this.#sink = sink;
  }

  /** Reads the next bytes. They are not kept after the call. */
  push(chunk: Uint8Array): void {
    if (!this.#excerpt.full) this.#excerpt.add(chunk, 0, chunk.length);
    let i = 0;
    while (i < chunk.length && this.#at !== AT.failed) {
      if (this.#at === AT.inHex) i = this.#readHex(chunk, i);
      else if (this.#at === AT.inText || this.#at === AT.inKey) i = this.#readText(chunk, i);
      else if (this.#at === AT.inNumber || this.#at === AT.inLiteral) i = this.#readWord(chunk, i);
      else i = this.#readStructure(chunk, i);
    }
  }

  /**
   * What the answer says, once its bytes have ended.
   * @param complete false when the connection broke first: such an answer is unreadable whatever it holds
   */
  finish(complete: boolean): Answer {
    if (this.#fault === null && (!complete || this.#at !== AT.end)) this.#fault = 'it is cut off';
    return {
      readable: this.#fault === null,
      fault: this.#fault,
      kept: this.#kept,
      audio: this.#audio,
      excerpt: onOneLine(this.#excerpt.text()),
    };
  }

  #readStructure(chunk: Uint8Array, i: number): number {
    const byte = chunk[i] as number;
    if (this.#at === AT.byteOrderMark) return this.#readMark(byte, i);
    if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return i + 1;
    switch (this.#at) {
      case AT.valueOrEnd:
        if (byte === 0x5d) return this.#close(false, i);
        return this.#startValue(byte, i);
      case AT.value:
        return this.#startValue(byte, i);
      case AT.keyOrEnd:
        if (byte === 0x7d) return this.#close(true, i);
        return this.#startKey(byte, i);
      case AT.key:
        return this.#startKey(byte, i);
      case AT.colon:
        if (byte !== 0x3a) return this.#fail('it is no JSON', i);
        this.#at = AT.value;
        return i + 1;
      case AT.commaOrEnd: {
        const inObject = this.#open.at(-1) === true;
        if (byte === 0x2c) {
          this.#at = inObject ? AT.key : AT.value;
          return i + 1;
        }
        if (byte === (inObject ? 0x7d : 0x5d)) return this.#close(inObject, i);
        return this.#fail('it is no JSON', i);
      }
      default:
        return this.#fail('more follows after its end', i);
    }
  }

  #readMark(byte: number, i: number): number {
    if (byte === BYTE_ORDER_MARK[this.#markBytes]) {
      this.#markBytes++;
      if (this.#markBytes === BYTE_ORDER_MARK.length) this.#at = AT.value;
      return i + 1;
    }
    if (this.#markBytes > 0) return this.#fail('it is no JSON', i);
    this.#at = AT.value;
    return i;
  }

  #startValue(byte: number, i: number): number {
    if (this.#open.length === 0 && byte !== 0x7b) return this.#fail('it is no JSON object', i);
    if (byte === 0x7b || byte === 0x5b) {
      if (this.#open.length === DEEPEST) return this.#fail('it is nested too deep', i);
      if (this.#path !== null && KEPT.has(this.#path)) this.#keep({ type: 'structure' });
      this.#path = null;
      this.#open.push(byte === 0x7b);
      this.#at = byte === 0x7b ? AT.keyOrEnd : AT.valueOrEnd;
      return i + 1;
    }
    if (byte === QUOTE) {
      this.#escaped = false;
      this.#text.reset();
      this.#at = this.#path === AUDIO_PATH ? AT.inHex : AT.inText;
      return i + 1;
    }
    this.#text.reset();
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      this.#at = AT.inNumber;
      return i;
    }
    if (byte === 0x74 || byte === 0x66 || byte === 0x6e) {
      this.#at = AT.inLiteral;
      return i;
    }
    return this.#fail('it is no JSON', i);
  }

  #startKey(byte: number, i: number): number {
    if (byte !== QUOTE) return this.#fail('it is no JSON', i);
    this.#escaped = false;
    this.#text.reset();
    this.#at = AT.inKey;
    return i + 1;
  }

  #close(object: boolean, i: number): number {
    if (this.#open.pop() !== object) return this.#fail('it is no JSON', i);
    this.#path = null;
    if (this.#open.length === 1) this.#section = null;
    this.#at = this.#open.length === 0 ? AT.end : AT.commaOrEnd;
    return i + 1;
  }

  /** Reads a key or a text to its closing quote. */
  #readText(chunk: Uint8Array, from: number): number {
    let i = from;
    for (; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) break;
    }
    this.#text.add(chunk, from, i);
    if (i === chunk.length) return i;
    if (this.#at === AT.inKey) this.#endKey();
    else this.#endText();
    return i + 1;
  }

  #endKey(): void {
    const depth = this.#open.length;
    const key = this.#text.json();
    if (key === null && !this.#text.cut) {
      this.#fail('it is no JSON', 0);
      return;
    }
    this.#at = AT.colon;
    this.#path = null;
    if (depth === 1) this.#section = null;
    // A key that holds a dot could pass for a path of two keys.
    if (key === null || depth > 2 || key.includes('.')) return;
    if (depth === 1) this.#section = this.#path = key;
    else if (this.#open[1] === true && this.#section !== null) this.#path = `${this.#section}.${key}`;
    if (this.#path === null || !DECISIVE.has(this.#path)) return;
    if (this.#seen.has(this.#path)) this.#fail(`it says ${this.#path} twice`, 0);
    this.#seen.add(this.#path);
  }

  #endText(): void {
    this.#at = AT.commaOrEnd;
    if (this.#path === AUDIO_PATH) {
      // Where the stretch with the bad digit began depends on how the bytes were split, so only a
      // value that is wrong from its first digit on is looked at.
      const url = this.#audioDigits === 0 && /^https?:/i.test(this.#text.text());
      this.#audio = url ? 'url' : 'bad_digit';
      const text = url && !this.#text.cut ? this.#text.json() : null;
      if (text !== null) this.#keep({ type: 'text', text });
      return;
    }
    const wanted = this.#path !== null && KEPT.has(this.#path);
    if (!wanted && this.#text.cut) return;
    const text = this.#text.json();
    if (text === null) this.#fail('it is no JSON', 0);
    else if (wanted) this.#keep({ type: 'text', text });
  }

  /** Hands hex digits on up to the closing quote; anything else turns the rest into text that is read past. */
  #readHex(chunk: Uint8Array, from: number): number {
    const quote = chunk.indexOf(QUOTE, from);
    const to = quote === -1 ? chunk.length : quote;
    if (to > from && !this.#sink.digits(chunk, from, to)) {
      // The quote may be an escaped one, so the stretch is read again as text; no backslash came before it.
      this.#at = AT.inText;
      return from;
    }
    this.#audioDigits += to - from;
    if (quote === -1) return to;
    this.#audio = this.#audioDigits === 0 ? 'empty' : this.#audioDigits % 2 === 0 ? 'hex' : 'odd_digits';
    this.#at = AT.commaOrEnd;
    return to + 1;
  }

  #readWord(chunk: Uint8Array, from: number): number {
    let i = from;
    for (; i < chunk.length; i++) {
      const byte = chunk[i] as number;
      const letter = byte >= 0x61 && byte <= 0x7a;
      const numeric =
        (byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e || byte === 0x45;
      if (!letter && !numeric) break;
    }
    this.#text.add(chunk, from, i);
    if (i < chunk.length) this.#endWord();
    return i;
  }

  #endWord(): void {
    const word = this.#text.text();
    const number = this.#at === AT.inNumber;
    this.#at = AT.commaOrEnd;
    const rule = number ? /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/ : /^(true|false|null)$/;
    // A number of more than 4 KiB decides nothing; it only has to end.
    if (!rule.test(word) && !(number && this.#text.cut)) {
      this.#fail('it is no JSON', 0);
    } else if (this.#path !== null && KEPT.has(this.#path)) {
      if (number) this.#keep({ type: 'number', value: Number(word) });
      else this.#keep({ type: word === 'null' ? 'null' : 'boolean' });
    }
  }

  #keep(value: KeptValue): void {
    this.#kept.set(this.#path as KeptPath, value);
  }

  #fail(fault: string, i: number): number {
    this.#fault ??= fault;
    this.#at = AT.failed;
    return i + 1;
  }
}

function onOneLine(text: string): string {
  const plain = text
    .replaceAll(/<[^>]{0,500}>/g, ' ')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return [...plain].slice(0, 500).join('');
}
