const NOT_A_DIGIT = 0xf0;
/** Value of each ASCII hex digit; every other byte has its high bits set, so that one OR tells. */
const DIGITS = hexDigits();

/** The value of one hex digit, or a number above 15 for any other byte. */
export function hexDigit(byte: number): number {
  return DIGITS[byte] as number;
}

/**
 * Decodes an even number of hex digits, `source[from, to)`, into `target` at `at`. Node's own
 * decoder stops silently at the first bad digit, which would turn a damaged answer into a short song.
 *
 * @returns false when any byte is no hex digit; what was written to `target` is then meaningless
 */
export function decodeHex(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): boolean {
  let seen = 0;
  for (let read = from, write = at; read < to; read += 2, write++) {
    const high = DIGITS[source[read] as number] as number;
    const low = DIGITS[source[read + 1] as number] as number;
    seen |= high | low;
    target[write] = (high << 4) | low;
  }
  return seen < 16;
}

function hexDigits(): Uint8Array {
  const table = new Uint8Array(256).fill(NOT_A_DIGIT);
  for (const [index, digit] of [...'0123456789abcdef'].entries()) {
    table[digit.charCodeAt(0)] = index;
    table[digit.toUpperCase().charCodeAt(0)] = index;
  }
  return table;
}
