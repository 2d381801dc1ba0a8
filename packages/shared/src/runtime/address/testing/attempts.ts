import fc from 'fast-check';
import type { AddressPolicyOptions } from '../policy.ts';
import { keysOf, type Written, writtenAddresses } from './written.ts';

/** One way to try to get at an address. */
export interface Attempt {
  readonly policy: keyof typeof POLICIES;
  readonly address: Written;
  /** The host of the URL, unless the address itself is (`literal`). */
  readonly name: keyof typeof NAMES;
  readonly route: (typeof ROUTES)[number];
  readonly trick: keyof typeof TRICKS;
  readonly scheme: 'http' | 'https';
}

const NAMED = 'named.example.org';

/** What any name leads to as long as it is up to no good only later. */
export const PUBLIC_ANSWER = '93.184.216.34';

export const POLICIES = {
  strict: {},
  relaxed: { http: true, ports: [8443], literals: true },
  private: { allowPrivate: true },
  listed: { allow: ['10.0.0.0/8', '127.0.0.1', '64:ff9b::/96', '2002::/16', '::ffff:0:0:0/96', 'fd12::/16'] },
  everything: { allow: ['0.0.0.0/0', '::/0'], allowPrivate: true },
  named: { allow: [NAMED] },
} as const satisfies Record<string, AddressPolicyOptions>;

/** How a name leads to the address, or the URL does without one. */
const ROUTES = [
  'literal',
  'answer', // the name server says so
  'mixed', // beside a public address
  'rebinding', // at the second look-up
  'farEnd', // the socket turns out to be connected to it
  'redirect', // a public host sends there
  'silent', // the name server has no address
  'failing', // the name server fails
] as const;

/** Names by what `URL` makes of them. `unclean` ones are refused as text. */
export const NAMES = {
  ordinary: { text: 'receiver.example.org', kind: 'ordinary', clean: true },
  upper: { text: 'RECEIVER.Example.ORG', kind: 'ordinary', clean: true },
  international: { text: 'empfänger.example.org', kind: 'ordinary', clean: true },
  named: { text: NAMED, kind: 'named', clean: true },
  namedWide: { text: 'ｎａｍｅｄ。example。ORG', kind: 'named', clean: true },
  belowNamed: { text: `a.${NAMED}`, kind: 'ordinary', clean: true },
  localhost: { text: 'localhost', kind: 'local', clean: true },
  circled: { text: 'ⓛocalhost', kind: 'local', clean: true },
  softHyphen: { text: 'local\u00adhost', kind: 'local', clean: true },
  escaped: { text: 'loc%61lhost', kind: 'local', clean: false },
  belowLocalhost: { text: 'a.LOCALHOST', kind: 'local', clean: true },
  single: { text: 'redis', kind: 'local', clean: true },
  multicast: { text: 'printer.local', kind: 'local', clean: true },
  internal: { text: 'db.internal', kind: 'local', clean: true },
  kubernetes: { text: 'kubernetes.default.svc', kind: 'local', clean: true },
  homeNet: { text: 'nas.home.arpa', kind: 'local', clean: true },
  metadata: { text: 'Metadata.Google.Internal', kind: 'metadata', clean: true },
  metadataShort: { text: 'metadata', kind: 'metadata', clean: true },
  metadataWide: { text: 'ｍetadata。google。internal', kind: 'metadata', clean: true },
} as const satisfies Record<
  string,
  { text: string; kind: 'ordinary' | 'local' | 'metadata' | 'named'; clean: boolean }
>;

/** URL tricks by what they are made of: `clean` ones are no trick at all, `port` is one besides the scheme's own. */
export const TRICKS = {
  none: { write: (scheme, host) => `${scheme}://${host}/x`, clean: true, port: null },
  ownPort: {
    write: (scheme, host) => `${scheme}://${host}:${scheme === 'http' ? 80 : 443}/x`,
    clean: true,
    port: null,
  },
  port8443: { write: (scheme, host) => `${scheme}://${host}:8443/x`, clean: true, port: 8443 },
  portOfRedis: { write: (scheme, host) => `${scheme}://${host}:6379/x`, clean: true, port: 6379 },
  portZero: { write: (scheme, host) => `${scheme}://${host}:0/x`, clean: true, port: 0 },
  upperScheme: { write: (scheme, host) => `${scheme.toUpperCase()}://${host}/x`, clean: true, port: null },
  query: { write: (scheme, host) => `${scheme}://${host}?to=@example.org/`, clean: true, port: null },
  trailingDot: { write: (scheme, host) => `${scheme}://${host}./x`, clean: false, port: null },
  userinfo: { write: (scheme, host) => `${scheme}://example.org@${host}/x`, clean: false, port: null },
  password: { write: (scheme, host) => `${scheme}://example.org:443@${host}/x`, clean: false, port: null },
  emptyUserinfo: { write: (scheme, host) => `${scheme}://@${host}/x`, clean: false, port: null },
  backslash: { write: (scheme, host) => `${scheme}://${host}\\@example.org/x`, clean: false, port: null },
  backslashes: { write: (scheme, host) => `${scheme}:\\\\${host}/x`, clean: false, port: null },
  noSlashes: { write: (scheme, host) => `${scheme}:${host}/x`, clean: false, port: null },
  threeSlashes: { write: (scheme, host) => `${scheme}:///${host}/x`, clean: false, port: null },
  spaceBefore: { write: (scheme, host) => ` ${scheme}://${host}/x`, clean: false, port: null },
  tabInside: { write: (scheme, host) => `${scheme}:/\t/${host}/x`, clean: false, port: null },
  newlineInHost: {
    write: (scheme, host) => `${scheme}://${host.slice(0, 1)}\n${host.slice(1)}/x`,
    clean: false,
    port: null,
  },
  fragment: { write: (scheme, host) => `${scheme}://${host}/x#@example.org/`, clean: false, port: null },
} as const satisfies Record<
  string,
  { write: (scheme: string, host: string) => string; clean: boolean; port: number | null }
>;

export const attempts: fc.Arbitrary<Attempt> = fc.record({
  policy: fc.constantFrom(...keysOf(POLICIES)),
  address: writtenAddresses,
  // Half of the attempts under an ordinary name and without a trick, or hardly any would reach a connection.
  name: fc.oneof(fc.constant('ordinary' as const), fc.constantFrom(...keysOf(NAMES))),
  route: fc.constantFrom(...ROUTES),
  trick: fc.oneof(fc.constant('none' as const), fc.constantFrom(...keysOf(TRICKS))),
  scheme: fc.constantFrom('https', 'http'),
});

export function urlOf({ trick, scheme, route, name, address }: Attempt): string {
  const literal = address.family === 6 ? `[${address.text}]` : address.text;
  return TRICKS[trick].write(scheme, route === 'literal' ? literal : NAMES[name].text);
}

/** What the name server says first and from then on; `null` is a failure. */
export function answersOf({ route, address }: Attempt): readonly [readonly string[] | null, readonly string[] | null] {
  switch (route) {
    case 'literal':
    case 'silent':
      return [[], []];
    case 'failing':
      return [null, null];
    case 'answer':
      return [[address.text], [address.text]];
    case 'mixed':
      return [
        [PUBLIC_ANSWER, address.text],
        [PUBLIC_ANSWER, address.text],
      ];
    case 'rebinding':
      return [[PUBLIC_ANSWER], [address.text]];
    case 'farEnd':
    case 'redirect':
      return [[PUBLIC_ANSWER], [PUBLIC_ANSWER]];
  }
}
