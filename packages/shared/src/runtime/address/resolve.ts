import { lookup } from 'node:dns/promises';
import type { Address } from './address.ts';
import { boundedResolve } from './bounded-resolve.ts';
import { GuardError } from './guard-error.ts';
import { type AddressPolicy, judgeAddress } from './policy.ts';
import type { Target } from './target.ts';

/** Looks a host up: every address it has, as text. Rejects, or answers none, when there is none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Why an address was refused, for our own log only. */
export interface Refusal {
  readonly host: string;
  readonly address: string | null;
  readonly why: string;
}

/** Half of what libuv gives look-ups at once of the 32 threads of a worker; the other half is for hosts of our own. */
const MOST_AT_ONCE = 8;
const LONGEST_WAIT_MS = 10_000;

/** The system's own look-up, hosts file included. */
export const systemResolve: Resolve = boundedResolve(
  async (host) => {
    const found = await lookup(host, { all: true, order: 'verbatim' });
    return found.map(({ address }) => address);
  },
  MOST_AT_ONCE,
  LONGEST_WAIT_MS,
);

/**
 * Every address of the target, each of them allowed. One that is not refuses them all: a name with a
 * public and a private address is an attack or a mistake, and the system would choose between them.
 *
 * @throws GuardError `dns` or `blocked`
 */
export async function allowedAddresses(
  target: Target,
  policy: AddressPolicy,
  resolve: Resolve,
  report: (refusal: Refusal) => void,
): Promise<readonly Address[]> {
  const found = target.literal ? [target.host] : await looksUp(target.host, resolve);
  const allowed = new Map<string, Address>();
  for (const text of found) {
    const verdict = judgeAddress(text, policy, target.trust);
    if (!verdict.allowed) {
      report({ host: target.host, address: text, why: verdict.why });
      throw new GuardError('blocked');
    }
    allowed.set(verdict.address.text, verdict.address);
  }
  return [...allowed.values()];
}

async function looksUp(host: string, resolve: Resolve): Promise<readonly string[]> {
  let found: readonly string[];
  try {
    found = await resolve(host);
  } catch {
    throw new GuardError('dns');
  }
  if (found.length === 0) throw new GuardError('dns');
  return found;
}
