import { deadline } from './deadline.ts';
import { GuardError } from './guard-error.ts';
import type { AddressPolicy } from './policy.ts';
import { allowedAddresses, type Resolve, systemResolve } from './resolve.ts';
import type { UrlFault } from './target.ts';
import { checkUrl, refused, type UrlVerdict } from './url.ts';

const LOOK_UP_TIMEOUT_MS = 5000;

export type DestinationVerdict =
  | UrlVerdict
  | { readonly ok: false; readonly code: 'dns' | 'timeout'; readonly message: string; readonly faults: [] };

export interface DestinationOptions {
  readonly policy: AddressPolicy;
  readonly resolve?: Resolve;
  /** For the look-up; 5 s unless given. */
  readonly timeoutMs?: number;
}

/**
 * What is asked when somebody registers a URL: `checkUrl`, and every address that the host has now.
 * It proves nothing about later, so the dispatcher asks again at every connection. `dns` and
 * `timeout` say that the host could not be judged; whether that refuses a registration is the caller's choice.
 *
 * @public
 */
export async function checkDestination(text: string, options: DestinationOptions): Promise<DestinationVerdict> {
  const verdict = checkUrl(text, options.policy);
  if (!verdict.ok) return verdict;
  const limit = deadline(options.timeoutMs ?? LOOK_UP_TIMEOUT_MS);
  try {
    const resolve = options.resolve ?? systemResolve;
    await limit.bound(allowedAddresses(verdict.target, options.policy, resolve, () => {}));
    return verdict;
  } catch (error) {
    if (!(error instanceof GuardError)) throw error;
    if (error.code === 'blocked') return refused([...verdict.target.unlessListed, ADDRESS_FAULT]);
    return { ok: false, code: error.code === 'timeout' ? 'timeout' : 'dns', message: UNJUDGED, faults: [] };
  } finally {
    limit.clear();
  }
}

const UNJUDGED = 'The host of the URL could not be looked up.';
const ADDRESS_FAULT: UrlFault = { code: 'address', message: 'leads to an address that is not allowed' };
