import type { FieldFault } from './generation-rules.ts';

/** Deeper JSON is refused: `JSON.stringify` overflows the stack at about 10,000 levels. */
export const MAX_DEPTH = 32;

/** Keys that mean something to JavaScript objects; assigning them elsewhere would change a prototype. */
export const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

interface Level {
  /** Keys seen so far; null in an array. */
  readonly keys: Set<string> | null;
  index: number;
  key: string;
}

/** Walks text that is known to be valid JSON, without recursion, and names what a parsed value no longer shows. */
export function strictFaults(text: string): FieldFault[] {
  const faults: FieldFault[] = [];
  const stack: Level[] = [];
  let top: Level | undefined;
  let expectKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        if (expectKey && top?.keys) {
          top.key = keyText(text.slice(at, end + 1));
          judgeKey(stack, top.keys, top.key, faults);
        }
        at = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_ARRAY: {
        const isObject = text.charCodeAt(at) === OPEN_OBJECT;
        if (stack.length === MAX_DEPTH) {
          const message = `nested deeper than ${MAX_DEPTH} levels`;
          return [{ pointer: pointerTo(stack), code: 'too_deep', message }];
        }
        top = { keys: isObject ? new Set() : null, index: 0, key: '' };
        stack.push(top);
        expectKey = isObject;
        break;
      }
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        stack.pop();
        top = stack.at(-1);
        expectKey = false;
        break;
      case COLON:
        expectKey = false;
        break;
      case COMMA:
        if (top?.keys) expectKey = true;
        else if (top) top.index++;
        break;
      default:
    }
  }
  return faults;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    at = text.indexOf('"', at);
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
    at++;
  }
}

/** `"a\u0062"` and `"ab"` are one key. */
function keyText(quoted: string): string {
  return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
}

function judgeKey(stack: readonly Level[], keys: Set<string>, key: string, faults: FieldFault[]): void {
  if (FORBIDDEN_KEYS.has(key)) {
    faults.push({ pointer: pointerTo(stack), code: 'forbidden_key', message: 'this name is never allowed' });
  } else if (keys.has(key)) {
    faults.push({ pointer: pointerTo(stack), code: 'duplicate_key', message: 'the key is there twice' });
  }
  keys.add(key);
}

/** Where the walk is now, as a JSON pointer; made only when there is a fault to tell. */
function pointerTo(stack: readonly Level[]): string {
  const part = (level: Level) =>
    level.keys ? level.key.replaceAll('~', '~0').replaceAll('/', '~1') : String(level.index);
  return stack.map((level) => `/${part(level)}`).join('');
}
