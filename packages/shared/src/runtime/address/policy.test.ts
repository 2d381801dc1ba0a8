import { describe, expect, it } from 'vitest';
import { addressPolicy, judgeAddress } from './policy.ts';

const strict = addressPolicy();
const open = addressPolicy({ allowPrivate: true });

const FORBIDDEN: Record<string, string[]> = {
  'this network': ['0.0.0.0', '0.1.2.3', '0.255.255.255'],
  'link-local': ['169.254.0.0', '169.254.1.1', '169.254.255.255', 'fe80::1', 'febf:ffff::1'],
  'metadata inside link-local': ['169.254.169.254', '169.254.170.2', '169.254.170.23', '169.254.42.42'],
  'metadata elsewhere': ['100.100.100.200', '168.63.129.16', '192.0.0.192'],
  'metadata over IPv6': ['fd00:ec2::254', 'fd00:ec2::23', 'fd20:ce::254', 'fd00:c1::a9fe:a9fe', 'fd00:42::42'],
  'multicast and broadcast': ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1'],
  unspecified: ['::'],
  'metadata carried by IPv6': [
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '::169.254.169.254',
    '::ffff:0:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
  ],
};

const PRIVATE: Record<string, string[]> = {
  'private IPv4': ['10.0.0.0', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', '100.64.0.1'],
  loopback: ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'],
  'unique local': ['fc00::1', 'fdff:ffff::1'],
};

const SPECIAL: Record<string, string[]> = {
  'reserved IPv4': [
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.19.255.255',
    '198.51.100.1',
    '203.0.113.1',
    '240.0.0.1',
  ],
  'AS112 and relays': ['192.31.196.1', '192.52.193.1', '192.88.99.1', '192.175.48.1', '2620:4f:8000::1'],
  'IPv4-compatible': ['::7f00:1', '::127.0.0.1', '::8.8.8.8', '::808:808'],
  'IPv4-translated': ['::ffff:0:7f00:1', '::ffff:0:808:808'],
  NAT64: ['64:ff9b::7f00:1', '64:ff9b::8.8.8.8', '64:ff9b:1::a00:1'],
  '6to4 and Teredo': ['2002:7f00:1::', '2002:808:808::1', '2001::1', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  'other IPv6': ['100::1', '100:0:0:1::1', '2001:db8::1', '2001:20::1', '3fff::1', '3fff:fff::1', '5f00::1', 'fec0::1'],
  'not handed out': ['1fff::1', '4000::1', '1::', 'fe00::1'],
};

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.0',
  '168.63.129.15',
  '168.63.129.17',
  '172.15.255.255',
  '172.32.0.0',
  '192.0.1.1',
  '198.17.255.255',
  '198.20.0.0',
  '223.255.255.255',
  '::ffff:8.8.8.8',
  '2001:200::1',
  '2001:4860:4860::8888',
  '2606:4700:4700::1111',
  '2620:4f:8001::1',
  '3fff:1000::1',
];

const UNREADABLE = [
  '',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '0x7f000001',
  '2130706433',
  '017700000001',
  '127.1',
  '127.0.1',
  '127.0.0.1.',
  ' 127.0.0.1',
  '127.0.0.1:80',
  '[::1]',
  '256.1.1.1',
  '1.2.3.4.5',
  '1.2.3',
  'fe80::1%eth0',
  '2606:4700::1111%1',
  '::ffff:0x7f.1',
  '１２７.0.0.1',
  'localhost',
];

const verdicts = (addresses: string[], policy = strict) =>
  addresses.map((address) => [address, judgeAddress(address, policy).allowed]);
const all = (addresses: string[], allowed: boolean) => addresses.map((address) => [address, allowed]);

describe('without exceptions', () => {
  it('public unicast is allowed', () => {
    expect(verdicts(PUBLIC)).toEqual(all(PUBLIC, true));
  });

  for (const [family, addresses] of Object.entries({ ...FORBIDDEN, ...PRIVATE, ...SPECIAL })) {
    it(`${family} is refused`, () => {
      expect(verdicts(addresses)).toEqual(all(addresses, false));
    });
  }

  it('text that programs read in different ways is no address', () => {
    const found = UNREADABLE.map((text) => judgeAddress(text, open, 'named'));
    expect(found).toEqual(UNREADABLE.map(() => ({ allowed: false, why: 'unreadable' })));
  });

  it('a mapped address is judged, and dialled, as the IPv4 address that it is', () => {
    expect(judgeAddress('::ffff:808:808', strict)).toMatchObject({
      allowed: true,
      address: { text: '8.8.8.8', family: 4 },
    });
  });
});

describe('with private addresses allowed', () => {
  for (const [family, addresses] of Object.entries(PRIVATE)) {
    it(`${family} is allowed`, () => {
      expect(verdicts(addresses, open)).toEqual(all(addresses, true));
    });
  }

  for (const [family, addresses] of Object.entries({ ...FORBIDDEN, ...SPECIAL })) {
    it(`${family} is refused all the same`, () => {
      expect(verdicts(addresses, open)).toEqual(all(addresses, false));
    });
  }
});

describe('with a list', () => {
  it('addresses and networks of the list are allowed, their neighbours are not', () => {
    const policy = addressPolicy({ allow: ['10.1.0.0/16', '192.168.0.7', 'fd12::/16', '240.0.0.0/4'] });
    const inside = ['10.1.0.0', '10.1.255.255', '192.168.0.7', '::ffff:192.168.0.7', 'fd12::1', '240.0.0.1'];
    const outside = ['10.0.255.255', '10.2.0.0', '192.168.0.6', '192.168.0.8', 'fd13::1'];
    expect(verdicts([...inside, ...outside], policy)).toEqual([...all(inside, true), ...all(outside, false)]);
  });

  it('a metadata address is refused however wide the listed network is', () => {
    const policy = addressPolicy({ allow: ['0.0.0.0/0', '::/0'], allowPrivate: true });
    const addresses = Object.values(FORBIDDEN).flat();
    expect(verdicts(addresses, policy)).toEqual(all(addresses, false));
  });

  it('a listed NAT64 network leads to public addresses, not around the policy', () => {
    const policy = addressPolicy({ allow: ['64:ff9b::/96'] });
    expect(judgeAddress('64:ff9b::8.8.8.8', policy).allowed).toBe(true);
    expect(judgeAddress('64:ff9b::10.0.0.1', policy)).toEqual({ allowed: false, why: 'private' });
  });

  it('a host allowed by name may be anywhere but at a forbidden address', () => {
    const forbidden = Object.values(FORBIDDEN).flat();
    const others = Object.values({ ...PRIVATE, ...SPECIAL }).flat();
    expect(forbidden.map((address) => judgeAddress(address, strict, 'named').allowed)).not.toContain(true);
    expect(others.map((address) => judgeAddress(address, strict, 'named').allowed)).not.toContain(false);
  });

  it('a URL that only a list can excuse may not lead to a public address', () => {
    const policy = addressPolicy({ allow: ['10.0.0.0/8'] });
    expect(judgeAddress('8.8.8.8', policy, 'listed')).toEqual({ allowed: false, why: 'not_listed' });
    expect(judgeAddress('10.0.0.1', policy, 'listed').allowed).toBe(true);
  });
});

it('an origin that is no web address is a bad policy', () => {
  expect(() => addressPolicy({ allowOrigins: ['ftp://example.org', 'example.org'], allow: ['a b'] })).toThrow(
    '"a b" is neither a host name nor an address nor a CIDR such as 10.0.0.0/8; ' +
      '"ftp://example.org" is no http or https URL; "example.org" is no http or https URL',
  );
});
