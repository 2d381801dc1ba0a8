import { type Address, parseAddress } from './address.ts';
import { hostNameKind, isHostName } from './names.ts';
import { type AddressPolicy, isListed, judgeAddress, type Trust } from './policy.ts';

/** What is wrong with a URL. The codes are coarse: they say nothing about what is behind a host. */
export interface UrlFault {
  readonly code:
    | 'malformed'
    | 'too_long'
    | 'characters'
    | 'scheme'
    | 'credentials'
    | 'fragment'
    | 'port'
    | 'ip_literal'
    | 'host'
    | 'address';
  /** A clause that continues "the URL …". */
  readonly message: string;
}

/** A host and port that the policy lets pass as far as this can be said without looking the host up. */
export interface Target {
  /** A name, or a canonical address without brackets. */
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly literal: boolean;
  /** How the addresses that the name turns out to have are to be judged. */
  readonly trust: Trust;
  /** The faults that count unless every address is listed; empty when `trust` is not `listed`. */
  readonly unlessListed: readonly UrlFault[];
}

export type TargetVerdict =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly faults: readonly UrlFault[] };

const OWN_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Judges scheme, host and port of a parsed URL, and its address if it has one instead of a name. Pure. */
export function judgeTarget(url: URL, policy: AddressPolicy): TargetVerdict {
  const ownPort = OWN_PORTS[url.protocol];
  if (ownPort === undefined) return { ok: false, faults: [SCHEME_FAULT] };
  const literal = parseAddress(url.hostname.replace(/^\[(.*)\]$/, '$1'));
  const host = literal?.text ?? url.hostname.replace(/\.$/, '');
  const port = url.port === '' ? ownPort : Number(url.port);
  const named = policy.origins.has(url.origin) || policy.hosts.has(host);
  const { firm, waivable } = named ? faultsOfNamed(literal, policy, port) : faultsOf(url, literal, host, port, policy);
  if (literal === undefined && url.hostname.endsWith('.')) firm.push(TRAILING_DOT_FAULT);
  // Without listed networks no look-up can make up for a fault.
  const hopeless = firm.length > 0 || literal !== undefined || policy.networks.length === 0;
  if (firm.length + waivable.length > 0 && hopeless) return { ok: false, faults: [...firm, ...waivable] };
  const trust = named ? 'named' : waivable.length > 0 ? 'listed' : 'ordinary';
  const secure = url.protocol === 'https:';
  return { ok: true, target: { host, port, secure, literal: literal !== undefined, trust, unlessListed: waivable } };
}

const SCHEME_FAULT: UrlFault = {
  code: 'scheme',
  message: 'must begin with https:// (or http:// where that is allowed)',
};
const TRAILING_DOT_FAULT: UrlFault = { code: 'host', message: 'must not have a dot after the host name' };
const ADDRESS_FAULT: UrlFault = { code: 'address', message: 'leads to an address that is not allowed' };
const PORT_ZERO_FAULT: UrlFault = { code: 'port', message: 'must not name port 0' };

/** `waivable` faults are forgiven when every address of the host is listed; `firm` ones never are. */
interface Faults {
  readonly firm: UrlFault[];
  readonly waivable: UrlFault[];
}

function faultsOfNamed(literal: Address | undefined, policy: AddressPolicy, port: number): Faults {
  const firm = port === 0 ? [PORT_ZERO_FAULT] : [];
  if (literal !== undefined && !judgeAddress(literal.text, policy, 'named').allowed) firm.push(ADDRESS_FAULT);
  return { firm, waivable: [] };
}

function faultsOf(url: URL, literal: Address | undefined, host: string, port: number, policy: AddressPolicy): Faults {
  const firm: UrlFault[] = port === 0 ? [PORT_ZERO_FAULT] : [];
  const waivable: UrlFault[] = [];
  if (literal === undefined) {
    const fault = hostFault(host);
    if (fault !== undefined) (fault.firm ? firm : waivable).push(fault);
  } else {
    if (!policy.literals) {
      waivable.push({ code: 'ip_literal', message: 'must name a host, not an IP address' });
    }
    if (!judgeAddress(literal.text, policy).allowed) firm.push(ADDRESS_FAULT);
  }
  if (url.protocol === 'http:' && !policy.http) waivable.push({ code: 'scheme', message: 'must use https' });
  if (port !== OWN_PORTS[url.protocol] && !policy.ports.has(port) && port !== 0) {
    waivable.push({ code: 'port', message: `must not name port ${port}` });
  }
  const waived = policy.allowPrivate || (literal !== undefined && isListed(literal, policy));
  return { firm, waivable: waived ? [] : waivable };
}

function hostFault(host: string): (UrlFault & { firm: boolean }) | undefined {
  if (!isHostName(host)) return { firm: true, code: 'host', message: 'names a host that cannot exist' };
  switch (hostNameKind(host)) {
    case 'metadata':
      return { firm: true, code: 'host', message: 'names a metadata service' };
    case 'local':
      return { firm: false, code: 'host', message: `names ${JSON.stringify(host)}, which is no public host` };
    case 'ordinary':
      return undefined;
  }
}
