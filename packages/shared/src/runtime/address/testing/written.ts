import fc from 'fast-check';
import { IPV4_SPELLINGS, IPV6_EMBEDDINGS, IPV6_SPELLINGS, type Ipv4Bytes } from './spellings.ts';

/** An address as somebody wrote it. */
export interface Written {
  /** Without brackets. */
  readonly text: string;
  readonly family: 4 | 6;
  /** What `URL` makes of it as a host, without brackets and before any canonical form; `null` when it throws. */
  readonly inUrl: string | null;
  /** Whether a URL may name it so: IPv4 in its one plain form, IPv6 in any form. */
  readonly plain: boolean;
}

/** Networks whose corners matter: everything special, private or forbidden, and a few that are public. */
const IPV4_NETWORKS = [
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24',
  '192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24',
  '203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 127.0.0.1/32 169.254.169.254/32 169.254.170.2/32 168.63.129.16/32',
  '100.100.100.200/32 192.0.0.192/32 8.8.8.8/32 93.184.216.34/32',
];
const IPV6_NETWORKS = [
  '::/128 ::1/128 ::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2000::/3',
  '2001::/32 2001::/23 2001:20::/28 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10',
  'fec0::/10 ff00::/8 fd00:ec2::/32 fd00:ec2::254/128 fd20:ce::254/128 fd00:c1::a9fe:a9fe/128 fd00:42::42/128',
  'fd00:a9fe:a9fe::1/128 fd00:100::100:200/128 2606:4700:4700::1111/128',
];

/** The first and last address of each network and their outer neighbours. */
function corners(lines: readonly string[], bits: number, read: (text: string) => bigint): bigint[] {
  return lines
    .flatMap((line) => line.split(' '))
    .flatMap((cidr) => {
      const [base = '', length = ''] = cidr.split('/');
      const first = read(base);
      const last = first + 2n ** BigInt(bits - Number(length)) - 1n;
      return [first - 1n, first, last, last + 1n].filter((value) => value >= 0n && value < 2n ** BigInt(bits));
    });
}

const readIpv4 = (text: string) => text.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
const readIpv6 = (text: string) => {
  const [head = '', tail] = text.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const all = [...head, ...Array<string>(8 - head.length - (tail?.length ?? 0)).fill('0'), ...(tail ?? [])];
  return all.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
};

const values = (bits: number, special: readonly bigint[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...special) },
    { weight: 1, arbitrary: fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }) },
  );
const ipv4Bytes = values(32, corners(IPV4_NETWORKS, 32, readIpv4)).map((value): Ipv4Bytes => {
  const whole = Number(value);
  return [whole >>> 24, (whole >>> 16) & 255, (whole >>> 8) & 255, whole & 255];
});
const ipv6Value = values(128, corners(IPV6_NETWORKS, 128, readIpv6));

const spelledIpv4 = fc
  .record({ bytes: ipv4Bytes, form: fc.constantFrom(...keysOf(IPV4_SPELLINGS)) })
  .map(({ bytes, form }): Written => {
    const inUrl = form === 'overflow' ? null : bytes.join('.');
    return { text: IPV4_SPELLINGS[form](bytes), family: 4, inUrl, plain: form === 'decimal' };
  });
const embeddedIpv4 = fc
  .record({ bytes: ipv4Bytes, form: fc.constantFrom(...keysOf(IPV6_EMBEDDINGS)) })
  .map(({ bytes, form }) => asWrittenIpv6(IPV6_EMBEDDINGS[form](bytes)));
const spelledIpv6 = fc
  .record({ value: ipv6Value, form: fc.constantFrom(...keysOf(IPV6_SPELLINGS)) })
  .map(({ value, form }) => asWrittenIpv6(IPV6_SPELLINGS[form](groupsOf(value))));

/** IPv4 in every spelling, IPv4 inside IPv6, and IPv6 itself. */
export const writtenAddresses: fc.Arbitrary<Written> = fc.oneof(spelledIpv4, embeddedIpv4, spelledIpv6);

function asWrittenIpv6(text: string): Written {
  // `URL` takes no scope (`%eth0`) in an address.
  return { text, family: 6, inUrl: text.includes('%') ? null : text, plain: true };
}

function groupsOf(value: bigint): readonly number[] {
  return Array.from({ length: 8 }, (_, at) => Number((value >> BigInt(112 - 16 * at)) & 0xffffn));
}

export function keysOf<T extends object>(table: T): (keyof T)[] {
  return Object.keys(table) as (keyof T)[];
}
