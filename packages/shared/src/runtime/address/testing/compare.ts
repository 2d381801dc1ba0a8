import fc from 'fast-check';
import { request } from 'undici';
import { checkDestination } from '../destination.ts';
import { openGuardedDispatcher } from '../guard.ts';
import { guardFailure } from '../guard-error.ts';
import { type AddressPolicyOptions, addressPolicy } from '../policy.ts';
import { checkUrl } from '../url.ts';
import { recordingConnector } from './recording-connector.ts';
import { secondOpinion } from './second-opinion.ts';
import { IPV4_SPELLINGS, IPV6_EMBEDDINGS, type Ipv4Bytes, type Ipv4Spelling, type Ipv6Embedding } from './spellings.ts';

/** One way to try to get at an address. */
interface Attempt {
  readonly policy: keyof typeof POLICIES;
  readonly bytes: Ipv4Bytes;
  readonly form: Ipv4Spelling | Ipv6Embedding;
  readonly route: 'literal' | 'answer' | 'mixed' | 'rebinding';
  readonly trick: keyof typeof TRICKS;
  readonly scheme: 'http' | 'https';
}

const NAME = 'receiver.example.org';
const NAMED = 'named.example.org';
const PUBLIC_ANSWER = '93.184.216.34';

const POLICIES = {
  strict: {},
  relaxed: { http: true, ports: [8443], literals: true },
  private: { allowPrivate: true },
  listed: { allow: ['10.0.0.0/8', '127.0.0.1', '64:ff9b::/96', '2002::/16', '::ffff:0:0:0/96'] },
  named: { allow: [NAMED] },
} as const satisfies Record<string, AddressPolicyOptions>;

/** URL tricks by what they are made of; `clean` ones are no trick at all, `port` asks for one besides the scheme's own. */
const TRICKS = {
  none: { write: (scheme, host) => `${scheme}://${host}/x`, clean: true, port: false },
  ownPort: {
    write: (scheme, host) => `${scheme}://${host}:${scheme === 'http' ? 80 : 443}/x`,
    clean: true,
    port: false,
  },
  port8443: { write: (scheme, host) => `${scheme}://${host}:8443/x`, clean: true, port: true },
  trailingDot: { write: (scheme, host) => `${scheme}://${host}./x`, clean: false, port: false },
  userinfo: { write: (scheme, host) => `${scheme}://example.org@${host}/x`, clean: false, port: false },
  emptyUserinfo: { write: (scheme, host) => `${scheme}://@${host}/x`, clean: false, port: false },
  backslash: { write: (scheme, host) => `${scheme}://${host}\\@example.org/x`, clean: false, port: false },
  backslashes: { write: (scheme, host) => `${scheme}:\\\\${host}/x`, clean: false, port: false },
  noSlashes: { write: (scheme, host) => `${scheme}:${host}/x`, clean: false, port: false },
  spaceBefore: { write: (scheme, host) => ` ${scheme}://${host}/x`, clean: false, port: false },
  tabInside: { write: (scheme, host) => `${scheme}:/\t/${host}/x`, clean: false, port: false },
  fragment: { write: (scheme, host) => `${scheme}://${host}/x#@example.org/`, clean: false, port: false },
} as const satisfies Record<string, { write: (scheme: string, host: string) => string; clean: boolean; port: boolean }>;

/** The first and last address of each network that matters, their outer neighbours, and the metadata addresses. */
const CORNERS = [
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24',
  '192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24',
  '203.0.113.0/24 224.0.0.0/4 240.0.0.0/4 127.0.0.1/32 169.254.169.254/32 169.254.170.2/32 168.63.129.16/32',
  '100.100.100.200/32 192.0.0.192/32 8.8.8.8/32 93.184.216.34/32',
]
  .flatMap((line) => line.split(' '))
  .flatMap((cidr) => {
    const [base = '', bits = '32'] = cidr.split('/');
    const first = base.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
    const last = first + 2 ** (32 - Number(bits)) - 1;
    return [first - 1, first, last, last + 1].filter((value) => value >= 0 && value < 2 ** 32);
  });

const ipv4 = fc
  .oneof({ weight: 3, arbitrary: fc.constantFrom(...CORNERS) }, { weight: 1, arbitrary: fc.nat({ max: 2 ** 32 - 1 }) })
  .map((value): Ipv4Bytes => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);

const attempts: fc.Arbitrary<Attempt> = fc.record({
  policy: fc.constantFrom(...keysOf(POLICIES)),
  bytes: ipv4,
  form: fc.constantFrom(...keysOf(IPV4_SPELLINGS), ...keysOf(IPV6_EMBEDDINGS)),
  route: fc.constantFrom('literal', 'answer', 'mixed', 'rebinding'),
  // Half of the attempts without a trick, or hardly any would get as far as a connection.
  trick: fc.oneof(fc.constant('none' as const), fc.constantFrom(...keysOf(TRICKS))),
  scheme: fc.constantFrom('https', 'http'),
});

export interface Comparison {
  readonly runs: number;
  /** How many attempts were let through to a connection: both verdicts must have been seen. */
  readonly connected: number;
  /** The shrunk counterexample with both opinions, or `null` when the two never disagreed. */
  readonly disagreement: string | null;
}

/**
 * Tries `runs` generated attempts against the guard, through a name server and a connector that exist
 * in memory only, and compares what it would have connected to with an independent opinion. Nothing is
 * ever dialled.
 *
 * @param seed the same seed gives the same attempts
 */
export async function compareWithSecondOpinion(options: { seed: number; runs: number }): Promise<Comparison> {
  let connected = 0;
  const property = fc.asyncProperty(attempts, async (attempt) => {
    const seen = await guardOutcome(attempt);
    if (seen.dialled !== null) connected += 1;
    const [found, expected] = [JSON.stringify(seen), JSON.stringify(secondOutcome(attempt))];
    if (found !== expected) throw new Error(`${seen.url}\n  guard:  ${found}\n  second: ${expected}`);
  });
  const result = await fc.check(property, { seed: options.seed, numRuns: options.runs });
  const { errorInstance } = result as { errorInstance?: unknown };
  const why = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  const disagreement = result.failed ? `${JSON.stringify(result.counterexample)}\n${why}` : null;
  return { runs: result.numRuns, connected, disagreement };
}

interface Outcome {
  readonly url: string;
  /** Accepted as text. */
  readonly text: boolean;
  /** Accepted at registration. */
  readonly registered: boolean;
  /** The addresses of the connection that a delivery made; `null` when it was refused one. */
  readonly dialled: readonly string[] | null;
}

async function guardOutcome(attempt: Attempt): Promise<Outcome> {
  const policy = addressPolicy(POLICIES[attempt.policy]);
  const url = urlOf(attempt);
  const answers = answersOf(attempt);
  let asked = 0;
  const resolve = async () => answers[Math.min(asked++, answers.length - 1)] ?? [];
  const text = checkUrl(url, policy).ok;
  const registered = (await checkDestination(url, { policy, resolve })).ok;
  // A name that is refused as text is not looked up; the second answer is for the delivery all the same.
  asked = Math.max(asked, 1);
  const { dials, connect } = recordingConnector();
  const parsed = URL.parse(url);
  if (parsed !== null) {
    const guard = openGuardedDispatcher({ policy, resolve, connect });
    try {
      // Whether or not the text was refused: the connection must be safe by itself.
      await request(parsed, { dispatcher: guard.dispatcher });
    } catch (error) {
      const failure = guardFailure(error);
      if (failure !== (dials.length > 0 ? 'connect' : 'blocked')) throw error;
    } finally {
      await guard.stop();
    }
  }
  const dial = dials[0];
  if (dial !== undefined && (dials.length > 1 || typeof dial.all === 'string' || dial.first[0] !== dial.all[0])) {
    throw new Error(`the two shapes of a look-up differ: ${JSON.stringify(dials)}`);
  }
  return { url, text, registered, dialled: dial === undefined ? null : [...dial.all].sort() };
}

/** What the second implementation says, from how the attempt was made and not from its text. */
function secondOutcome(attempt: Attempt): Outcome {
  const options: AddressPolicyOptions = POLICIES[attempt.policy];
  const allowPrivate = options.allowPrivate === true;
  const networks = (options.allow ?? []).filter((entry) => entry !== NAMED);
  const trick = TRICKS[attempt.trick];
  const literal = attempt.route === 'literal';
  const named = !literal && attempt.policy === 'named';
  const plainText = attempt.form in IPV6_EMBEDDINGS || attempt.form === 'decimal';

  const inOrder =
    (attempt.scheme === 'https' || options.http === true) && (!trick.port || options.ports?.includes(8443) === true);
  const opinion = (address: string, trust: 'ordinary' | 'listed' | 'named') =>
    secondOpinion(address, { networks, allowPrivate }, trust);
  const readable = attempt.form in IPV6_EMBEDDINGS ? embedded(attempt) : attempt.bytes.join('.');
  const trust = named ? 'named' : inOrder || allowPrivate ? 'ordinary' : 'listed';
  const judged = (answer: readonly string[]) => answer.every((address) => opinion(address, trust));

  // An IPv6 address cannot end in a dot, and its brackets keep every other spelling of IPv4 out.
  const parses = !(literal && attempt.form in IPV6_EMBEDDINGS && attempt.trick === 'trailingDot');
  const hostInOrder = literal || attempt.trick !== 'trailingDot';
  const targetInOrder = literal
    ? opinion(readable, 'listed') ||
      (opinion(readable, 'ordinary') && (allowPrivate || (inOrder && options.literals === true)))
    : named || inOrder || allowPrivate || networks.length > 0;
  const text = parses && trick.clean && targetInOrder && (plainText || !literal);
  const [atRegistration = [], atDelivery = atRegistration] = answersOf(attempt);
  const registered = text && (literal || judged(atRegistration));
  const connects = parses && hostInOrder && targetInOrder && (literal || judged(atDelivery));
  const dialled = connects ? [...new Set((literal ? [readable] : atDelivery).map(canonical))].sort() : null;
  return { url: urlOf(attempt), text, registered, dialled };
}

function urlOf(attempt: Attempt): string {
  return TRICKS[attempt.trick].write(attempt.scheme, hostOf(attempt));
}

function hostOf(attempt: Attempt): string {
  if (attempt.route !== 'literal') return attempt.policy === 'named' ? NAMED : NAME;
  return attempt.form in IPV6_EMBEDDINGS ? `[${embedded(attempt)}]` : spelled(attempt);
}

/** What the name server says first and from then on. */
function answersOf(attempt: Attempt): readonly (readonly string[])[] {
  const address = attempt.form in IPV6_EMBEDDINGS ? embedded(attempt) : spelled(attempt);
  switch (attempt.route) {
    case 'literal':
      return [];
    case 'answer':
      return [[address]];
    case 'mixed':
      return [[PUBLIC_ANSWER, address]];
    case 'rebinding':
      return [[PUBLIC_ANSWER], [address]];
  }
}

function spelled({ form, bytes }: Attempt): string {
  return IPV4_SPELLINGS[form as Ipv4Spelling](bytes);
}

function embedded({ form, bytes }: Attempt): string {
  return IPV6_EMBEDDINGS[form as Ipv6Embedding](bytes);
}

/** As `URL` writes an address, a mapped one as IPv4. */
function canonical(address: string): string {
  if (!address.includes(':')) return address;
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(text);
  if (mapped === null) return text;
  const [high, low] = mapped.slice(1).map((group) => Number.parseInt(group, 16)) as [number, number];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function keysOf<T extends object>(table: T): (keyof T)[] {
  return Object.keys(table) as (keyof T)[];
}
