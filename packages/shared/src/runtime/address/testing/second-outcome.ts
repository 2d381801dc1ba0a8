import { type AddressPolicyOptions } from '../policy.ts';
import { type Attempt, answersOf, NAMES, POLICIES, PUBLIC_ANSWER, TRICKS, urlOf } from './attempts.ts';
import { secondOpinion } from './second-opinion.ts';
import type { GuardFailure } from '../guard-error.ts';

/** What came of an attempt. */
export interface Outcome {
  readonly url: string;
  /** Accepted as text. */
  readonly text: boolean;
  /** Accepted at registration. */
  readonly registered: boolean;
  /** The addresses of the connection that a delivery made; `null` when it was refused one. */
  readonly dialled: readonly string[] | null;
  /** Whether a byte went out. */
  readonly sent: boolean;
  /** What the sender is told; `none` after an answer, `unreadable` when `URL` makes nothing of the text. */
  readonly failure: GuardFailure | 'none' | 'unreadable';
}

/** What the second implementation says, from how the attempt was made and not from its text. */
export function secondOutcome(attempt: Attempt): Outcome {
  const { address, route, scheme } = attempt;
  const options: AddressPolicyOptions = POLICIES[attempt.policy];
  const trick = TRICKS[attempt.trick];
  const literal = route === 'literal';
  const parses = !literal || (address.inUrl !== null && !(address.family === 6 && attempt.trick === 'trailingDot'));
  const { fine, trust } = literal ? judgeLiteral(attempt, options) : judgeName(attempt, options);
  const judged = (answer: readonly string[]) => answer.every((one) => opinion(one, options, trust));

  const [atRegistration, atDelivery] = answersOf(attempt);
  const text = parses && fine && trick.clean && (literal ? address.plain : NAMES[attempt.name].clean);
  const found = (answer: readonly string[] | null) => answer !== null && answer.length > 0;
  const registered = text && (literal || (found(atRegistration) && judged(atRegistration ?? [])));
  const connects = parses && fine && (literal || (found(atDelivery) && judged(atDelivery ?? [])));
  const dialled = connects ? (literal ? [address.inUrl ?? ''] : (atDelivery ?? [])) : null;
  const sent = connects && (route === 'redirect' || (route === 'farEnd' && canonical(address.text) === PUBLIC_ANSWER));
  const unlooked = !literal && !found(atDelivery);
  return {
    url: urlOf(attempt),
    text,
    registered,
    dialled: dialled && [...new Set(dialled.map(canonical))].sort(),
    sent,
    failure: failureOf({ parses, fine, connects, unlooked, sent, route, scheme }),
  };
}

function failureOf(seen: {
  parses: boolean;
  fine: boolean;
  connects: boolean;
  unlooked: boolean;
  sent: boolean;
  route: Attempt['route'];
  scheme: Attempt['scheme'];
}): Outcome['failure'] {
  if (!seen.parses) return 'unreadable';
  if (!seen.fine) return 'blocked';
  if (!seen.connects) return seen.unlooked ? 'dns' : 'blocked';
  // Neither far end speaks TLS.
  if (seen.sent && seen.scheme === 'https') return 'tls';
  if (seen.route === 'redirect') return 'none';
  return seen.route === 'farEnd' && !seen.sent ? 'blocked' : 'connect';
}

type Trust = 'ordinary' | 'listed' | 'named';

/** Whether the rules for URLs allow what stands there, as far as nothing has been looked up. */
interface Judged {
  readonly fine: boolean;
  readonly trust: Trust;
}

function judgeLiteral({ address, trick, scheme }: Attempt, options: AddressPolicyOptions): Judged {
  if (TRICKS[trick].port === 0) return { fine: false, trust: 'ordinary' };
  const text = address.inUrl ?? '';
  const excused = options.allowPrivate === true || (options.literals === true && usual(trick, scheme, options));
  return {
    fine: opinion(text, options, 'listed') || (excused && opinion(text, options, 'ordinary')),
    trust: 'ordinary',
  };
}

function judgeName({ name, policy, trick, scheme }: Attempt, options: AddressPolicyOptions): Judged {
  const { kind } = NAMES[name];
  const isNamed = policy === 'named' && kind === 'named';
  const never = TRICKS[trick].port === 0 || trick === 'trailingDot' || (kind === 'metadata' && !isNamed);
  const asUsual = usual(trick, scheme, options) && kind !== 'local';
  const trust = isNamed ? 'named' : asUsual || options.allowPrivate === true ? 'ordinary' : 'listed';
  return { fine: !never && (trust !== 'listed' || networksOf(options).length > 0), trust };
}

/** Scheme and port are those of public URLs. */
function usual(trick: Attempt['trick'], scheme: Attempt['scheme'], options: AddressPolicyOptions): boolean {
  const { port } = TRICKS[trick];
  return (scheme === 'https' || options.http === true) && (port === null || options.ports?.includes(port) === true);
}

function networksOf({ allow = [] }: AddressPolicyOptions): readonly string[] {
  return allow.filter((entry) => /^[\d.]+(\/\d+)?$|:/.test(entry));
}

function opinion(text: string, options: AddressPolicyOptions, trust: Trust): boolean {
  return secondOpinion(text, { networks: networksOf(options), allowPrivate: options.allowPrivate === true }, trust);
}

/** As `URL` writes an address, a mapped one as IPv4. Text that is no address stays as it is. */
function canonical(address: string): string {
  if (!address.includes(':')) return address;
  const text = URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? address;
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text);
  if (mapped === null) return text;
  const [high, low] = mapped.slice(1).map((group) => Number.parseInt(group, 16)) as [number, number];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
