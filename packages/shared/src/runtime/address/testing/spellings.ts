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
  /** A last part of 256 and more, which some programs take modulo 256. */
  overflow: ([a, b, c, d]) => `${a}.${b}.${c}.${d + 256}`,
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

/** Ways to write the eight groups of an IPv6 address. The last is none: it names an interface of one machine. */
export const IPV6_SPELLINGS = {
  full: (parts) => hex(parts),
  padded: (parts) => parts.map((part) => part.toString(16).padStart(4, '0').toUpperCase()).join(':'),
  short: (parts) => new URL(`http://[${hex(parts)}]`).hostname.slice(1, -1),
  scoped: (parts) => `${hex(parts)}%eth0`,
} as const satisfies Record<string, (parts: readonly number[]) => string>;

export type Ipv4Bytes = readonly [number, number, number, number];

function wholeNumber(bytes: Ipv4Bytes): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

function groups([a, b, c, d]: Ipv4Bytes): string {
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

function hex(parts: readonly number[]): string {
  return parts.map((part) => part.toString(16)).join(':');
}
