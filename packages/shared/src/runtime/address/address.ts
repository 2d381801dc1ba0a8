import { isIP, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** One IPv4 or IPv6 address, read once. An IPv4-mapped IPv6 address is the IPv4 address that it holds. */
export interface Address {
  /** Canonical: dotted decimal, or RFC 5952. */
  readonly text: string;
  readonly family: 4 | 6;
  readonly parsed: ipaddr.IPv4 | ipaddr.IPv6;
}

/** Addresses that share the first `bits` bits with `base`. */
export interface Network {
  readonly base: Address;
  readonly bits: number;
}

/**
 * Reads an address as resolvers and sockets write it. Octal, hexadecimal and short forms are no
 * addresses here, because programs read them in different ways; neither are scoped ones (`%eth0`).
 */
export function parseAddress(text: string): Address | undefined {
  // Checked first: ipaddr.js alone would read 0177.0.0.1 and 127.1.
  if (isIP(text) === 0 || text.includes('%')) return undefined;
  const parsed = parsedOrNothing(text);
  if (parsed === undefined) return undefined;
  return toAddress(parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() ? parsed.toIPv4Address() : parsed);
}

/** Reads a CIDR such as `10.0.0.0/8`. The base may have bits behind the prefix; they do not count. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.lastIndexOf('/');
  const parsed = isIP(text.slice(0, slash)) === 0 ? undefined : parsedOrNothing(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  if (slash < 0 || parsed === undefined || text.includes('%') || !/^\d{1,3}$/.test(digits)) return undefined;
  const bits = Number(digits);
  return bits > (parsed instanceof ipaddr.IPv4 ? 32 : 128) ? undefined : { base: toAddress(parsed), bits };
}

/** For tables of this folder. @throws TypeError for text that is no CIDR */
export function network(text: string): Network {
  const parsed = parseNetwork(text);
  if (parsed === undefined) throw new TypeError(`${text} is no network`);
  return parsed;
}

/** Whether the address lies in the network. An address never lies in a network of the other family. */
export function isWithin(address: Address, { base, bits }: Network): boolean {
  return address.family === base.family && address.parsed.match(base.parsed, bits);
}

/** The IPv4 address whose four bytes begin at `at` within an IPv6 address. */
export function ipv4Within(address: Address, at: number): Address {
  return toAddress(new ipaddr.IPv4(address.parsed.toByteArray().slice(at, at + 4)));
}

/** @param text an address by the rules of `isIP`, without a scope */
function parsedOrNothing(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  // ipaddr.js 2.5.0 reads `::10.0.0.1` (IPv4-compatible) as `::ffff:10.0.0.1` (IPv4-mapped), so a dotted
  // tail is written as groups of hexadecimal digits first, which `URL` does.
  const plain = isIPv6(text) ? URL.parse(`http://[${text}]`)?.hostname.slice(1, -1) : text;
  return plain !== undefined && ipaddr.isValid(plain) ? ipaddr.parse(plain) : undefined;
}

function toAddress(parsed: ipaddr.IPv4 | ipaddr.IPv6): Address {
  return parsed instanceof ipaddr.IPv4
    ? { text: parsed.toString(), family: 4, parsed }
    : { text: parsed.toRFC5952String(), family: 6, parsed };
}
