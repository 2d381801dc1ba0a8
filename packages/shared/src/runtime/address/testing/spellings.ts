/** Ways to write an IPv4 address that some program somewhere reads as that address. */
export const IPV4_SPELLINGS = {
  decimal: (bytes) => bytes.join('.'),
  number: (bytes) => String(wholeNumber(bytes)),
  octal: (bytes) => bytes.map((byte) => `0${byte.toString(8)}`).join('.'),
  octalNumber: (bytes) => `0${wholeNumber(bytes).toString(8)}`,
  hex: (bytes) => bytes.map((byte) => `0x${byte.toString(16)}`).join('.'),
  hexNumber: (bytes) => `0x${wholeNumber(bytes).toString(16)}`,
  short: ([a, b, c, d]) => `${a}.${(b * 256 + c) * 256 + d}`,
  threeParts: ([a, b, c, d]) => `${a}.${b}.${c * 256 + d}`,
  fullwidth: (bytes) => bytes.join('.').replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
  ideographicDots: (bytes) => bytes.join('。'),
} as const satisfies Record<string, (bytes: Ipv4Bytes) => string>;

/** Ways to put an IPv4 address into an IPv6 address; each answers the text without brackets. */
export const IPV6_EMBEDDINGS = {
  mapped: (bytes) => `::ffff:${groups(bytes)}`,
  mappedDotted: (bytes) => `::ffff:${bytes.join('.')}`,
  mappedLong: (bytes) => `0:0:0:0:0:FFFF:${groups(bytes).toUpperCase()}`,
  compatible: (bytes) => `::${groups(bytes)}`,
  compatibleDotted: (bytes) => `::${bytes.join('.')}`,
  nat64: (bytes) => `64:ff9b::${groups(bytes)}`,
  localNat64: (bytes) => `64:ff9b:1::${groups(bytes)}`,
  sixToFour: (bytes) => `2002:${groups(bytes)}::1`,
  translated: (bytes) => `::ffff:0:${groups(bytes)}`,
} as const satisfies Record<string, (bytes: Ipv4Bytes) => string>;

export type Ipv4Bytes = readonly [number, number, number, number];
export type Ipv4Spelling = keyof typeof IPV4_SPELLINGS;
export type Ipv6Embedding = keyof typeof IPV6_EMBEDDINGS;

function wholeNumber(bytes: Ipv4Bytes): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

function groups([a, b, c, d]: Ipv4Bytes): string {
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}
