/**
 * A second, independent implementation of the address policy, to compare the first with: it reads
 * addresses by itself into whole numbers and knows what is allowed as intervals, not what is refused as
 * prefixes. It must share no code and no table with the first.
 */

interface Numbered {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

export interface OpinionOptions {
  /** CIDRs and addresses only. */
  readonly networks: readonly string[];
  readonly allowPrivate: boolean;
}

const PUBLIC = [
  '1.0.0.0 9.255.255.255',
  '11.0.0.0 100.63.255.255',
  '100.128.0.0 126.255.255.255',
  '128.0.0.0 168.63.129.15',
  '168.63.129.17 169.253.255.255',
  '169.255.0.0 172.15.255.255',
  '172.32.0.0 191.255.255.255',
  '192.0.1.0 192.0.1.255',
  '192.0.3.0 192.31.195.255',
  '192.31.197.0 192.52.192.255',
  '192.52.194.0 192.88.98.255',
  '192.88.100.0 192.167.255.255',
  '192.169.0.0 192.175.47.255',
  '192.175.49.0 198.17.255.255',
  '198.20.0.0 198.51.99.255',
  '198.51.101.0 203.0.112.255',
  '203.0.114.0 223.255.255.255',
  '2000:: 2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  '2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff',
  '2001:db9:: 2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  '2003:: 2620:4f:7fff:ffff:ffff:ffff:ffff:ffff',
  '2620:4f:8001:: 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  '3fff:1000:: 3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
];
const LOCAL = [
  '10.0.0.0 10.255.255.255',
  '100.64.0.0 100.127.255.255',
  '127.0.0.0 127.255.255.255',
  '172.16.0.0 172.31.255.255',
  '192.168.0.0 192.168.255.255',
  '::1 ::1',
  'fc00:: fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
];
const FORBIDDEN = [
  '0.0.0.0 0.255.255.255',
  '100.100.100.200 100.100.100.200',
  '168.63.129.16 168.63.129.16',
  '169.254.0.0 169.254.255.255',
  '192.0.0.192 192.0.0.192',
  '224.0.0.0 239.255.255.255',
  '255.255.255.255 255.255.255.255',
  ':: ::',
  'fd00:42::42 fd00:42::42',
  'fd00:100::100:200 fd00:100::100:200',
  'fd00:c1::a9fe:a9fe fd00:c1::a9fe:a9fe',
  'fd00:ec2:: fd00:ec2:ffff:ffff:ffff:ffff:ffff:ffff',
  'fd00:a9fe:a9fe::1 fd00:a9fe:a9fe::1',
  'fd20:ce::254 fd20:ce::254',
  'fe80:: febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  'ff00:: ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
];

/** Whether an address, as a name server or a socket wrote it, may be connected to. */
export function secondOpinion(
  text: string,
  { networks, allowPrivate }: OpinionOptions,
  trust: 'ordinary' | 'listed' | 'named',
): boolean {
  const address = number(text);
  if (address === undefined) return false;
  const inner = innerOf(address);
  if (within(FORBIDDEN, address) || (inner !== undefined && within(FORBIDDEN, inner))) return false;
  if (trust === 'named') return true;
  const ordinary = (one: Numbered) =>
    !within(FORBIDDEN, one) &&
    (within(PUBLIC, one) || (allowPrivate && within(LOCAL, one)) || networks.some((listed) => inNetwork(one, listed)));
  if (networks.some((listed) => inNetwork(address, listed))) return inner === undefined || ordinary(inner);
  return trust === 'ordinary' && ordinary(address);
}

/** Reads dotted decimal and every spelling of IPv6; an IPv4-mapped address is read as IPv4. */
function number(text: string): Numbered | undefined {
  if (!text.includes(':')) {
    const value = dotted(text);
    return value === undefined ? undefined : { bits: 32, value };
  }
  const halves = unfoldTail(text)?.split('::');
  if (halves === undefined || halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = groups;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array<string>(missing).fill('0'), ...tail];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const value = all.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
  return value >> 32n === 0xffffn ? { bits: 32, value: value % 2n ** 32n } : { bits: 128, value };
}

function unfoldTail(text: string): string | undefined {
  const at = text.lastIndexOf(':') + 1;
  const tail = text.slice(at);
  if (!tail.includes('.')) return text;
  const value = dotted(tail);
  return value === undefined
    ? undefined
    : `${text.slice(0, at)}${(value >> 16n).toString(16)}:${(value % 65_536n).toString(16)}`;
}

function dotted(text: string): bigint | undefined {
  const parts = text.split('.');
  const plain = parts.every((part) => /^\d+$/.test(part) && String(Number(part)) === part && Number(part) < 256);
  return parts.length === 4 && plain ? parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n) : undefined;
}

function within(intervals: readonly string[], { bits, value }: Numbered): boolean {
  return intervals.some((interval) => {
    const [from, to] = interval.split(' ').map((end) => number(end));
    return from?.bits === bits && to !== undefined && from.value <= value && value <= to.value;
  });
}

function inNetwork({ bits, value }: Numbered, text: string): boolean {
  const [base = '', length] = text.split('/');
  const from = number(base);
  if (from?.bits !== bits) return false;
  const size = 2n ** BigInt(length === undefined ? 0 : bits - Number(length));
  return from.value / size === value / size;
}

/** What a translator or a tunnel would connect to instead. */
function innerOf({ bits, value }: Numbered): Numbered | undefined {
  if (bits === 32 || value < 2n) return undefined;
  const low = { bits: 32, value: value % 2n ** 32n } as const;
  const high96 = value >> 32n;
  if (high96 === 0n || high96 === 0xffff0000n || high96 === 0x64ff9bn << 64n) return low;
  if (value >> 80n === 0x64ff9b0001n) return low;
  return value >> 112n === 0x2002n ? { bits: 32, value: (value >> 80n) % 2n ** 32n } : undefined;
}
