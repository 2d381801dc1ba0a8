import { type Address, ipv4Within, isWithin, network, parseAddress } from './address.ts';
import { type AllowList, readAllowList } from './allow-list.ts';
import { CARRIERS, GLOBAL_IPV6, NEVER, PRIVATE, SPECIAL_IPV4, SPECIAL_IPV6 } from './ranges.ts';

export interface AddressPolicyOptions {
  /** Host names, addresses and CIDRs allowed besides public ones, at any port and by plain http too. */
  readonly allow?: readonly string[];
  /** Private and loopback addresses, IP literals, any name, any port and plain http for all. */
  readonly allowPrivate?: boolean;
  /** Origins (scheme, host, port) that may be used whatever they are, for example the upstream's own. */
  readonly allowOrigins?: readonly string[];
  /** Plain http for public hosts. */
  readonly http?: boolean;
  /** Ports allowed for public hosts besides the scheme's own. */
  readonly ports?: readonly number[];
  /** Public addresses written instead of a host name. */
  readonly literals?: boolean;
}

/** Where requests to addresses given by strangers may go. Metadata and link-local addresses: never. */
export interface AddressPolicy extends AllowList {
  readonly allowPrivate: boolean;
  readonly origins: ReadonlySet<string>;
  readonly http: boolean;
  readonly ports: ReadonlySet<number>;
  readonly literals: boolean;
}

/**
 * How an address was reached. `ordinary`: by a URL that follows the rules for public ones. `listed`:
 * by a URL that breaks one and is allowed only if every address is in the list. `named`: its host or
 * origin is itself allowed.
 */
export type Trust = 'ordinary' | 'listed' | 'named';

export type AddressVerdict =
  | { readonly allowed: true; readonly address: Address }
  | { readonly allowed: false; readonly why: 'unreadable' | 'never' | 'private' | 'special' | 'not_listed' };

const never = NEVER.map(network);
const privateNetworks = PRIVATE.map(network);
const specialIpv4 = SPECIAL_IPV4.map(network);
const globalIpv6 = network(GLOBAL_IPV6);
const specialIpv6 = SPECIAL_IPV6.map(network);
const carriers = CARRIERS.map((carrier) => ({ ...carrier, network: network(carrier.network) }));

/**
 * Compiles a policy.
 * @throws TypeError naming every entry that cannot be read
 * @public
 */
export function addressPolicy(options: AddressPolicyOptions = {}): AddressPolicy {
  const { list, faults } = readAllowList(options.allow ?? []);
  const origins = new Set<string>();
  for (const text of options.allowOrigins ?? []) {
    const origin = URL.parse(text)?.origin;
    if (origin?.startsWith('http') === true) origins.add(origin);
    else faults.push(`${JSON.stringify(text)} is no http or https URL`);
  }
  if (faults.length > 0) throw new TypeError(faults.join('; '));
  return {
    ...list,
    origins,
    allowPrivate: options.allowPrivate ?? false,
    http: options.http ?? false,
    ports: new Set(options.ports ?? []),
    literals: options.literals ?? false,
  };
}

/**
 * Decides about one address as a resolver or a socket wrote it. Pure.
 * @public
 */
export function judgeAddress(text: string, policy: AddressPolicy, trust: Trust = 'ordinary'): AddressVerdict {
  const address = parseAddress(text);
  return address === undefined ? { allowed: false, why: 'unreadable' } : judge(address, policy, trust);
}

/** Whether the policy's own list names the address, or a network around it. */
export function isListed(address: Address, policy: AddressPolicy): boolean {
  return policy.networks.some((listed) => isWithin(address, listed));
}

function judge(address: Address, policy: AddressPolicy, trust: Trust): AddressVerdict {
  const carried = carriedIpv4(address);
  if (isNever(address) || (carried !== undefined && isNever(carried))) return { allowed: false, why: 'never' };
  if (trust === 'named') return { allowed: true, address };
  if (isListed(address, policy)) {
    // Whoever lists a NAT64 network means a way out to the internet, not one around this policy.
    const inner = carried === undefined ? undefined : judge(carried, policy, 'ordinary');
    return inner?.allowed === false ? inner : { allowed: true, address };
  }
  if (trust === 'listed') return { allowed: false, why: 'not_listed' };
  const kind = kindOf(address);
  return kind === 'public' || (kind === 'private' && policy.allowPrivate)
    ? { allowed: true, address }
    : { allowed: false, why: kind };
}

function kindOf(address: Address): 'public' | 'private' | 'special' {
  const inAny = (networks: readonly Parameters<typeof isWithin>[1][]) => networks.some((one) => isWithin(address, one));
  if (inAny(privateNetworks)) return 'private';
  if (address.family === 4) return inAny(specialIpv4) ? 'special' : 'public';
  return isWithin(address, globalIpv6) && !inAny(specialIpv6) ? 'public' : 'special';
}

function isNever(address: Address): boolean {
  return never.some((range) => isWithin(address, range));
}

/** The IPv4 address that a gateway or tunnel would make of this one. */
function carriedIpv4(address: Address): Address | undefined {
  // `::` and `::1` lie in the IPv4-compatible network without being such addresses.
  if (address.family === 4 || address.text === '::' || address.text === '::1') return undefined;
  const carrier = carriers.find((one) => isWithin(address, one.network));
  return carrier === undefined ? undefined : ipv4Within(address, carrier.at);
}
