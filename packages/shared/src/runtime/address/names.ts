/** Names of metadata services: refused unless the host is listed by name. */
const METADATA_NAMES: ReadonlySet<string> = new Set([
  'metadata',
  'metadata.google.internal',
  'metadata.goog',
  'instance-data',
  'instance-data.ec2.internal',
  'rancher-metadata',
]);

/** Last labels that never lead to the public internet (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`, and habit). */
const LOCAL_SUFFIXES = [
  'localhost',
  'local',
  'internal',
  'home.arpa',
  'localdomain',
  'svc', // Kubernetes services
  'lan',
  'intranet',
  'corp',
  'home',
  'private',
  'onion',
] as const;

export type HostNameKind = 'ordinary' | 'local' | 'metadata';

/** What kind of name this is: lower case, as `URL` writes it, without a trailing dot. */
export function hostNameKind(host: string): HostNameKind {
  if (METADATA_NAMES.has(host)) return 'metadata';
  if (!host.includes('.')) return 'local';
  return LOCAL_SUFFIXES.some((suffix) => host.endsWith(`.${suffix}`)) || host === 'home.arpa' ? 'local' : 'ordinary';
}

/** Whether a name can be looked up: labels of letters, digits, `-` and `_`, 1 to 63 each, at most 253 in all. */
export function isHostName(host: string): boolean {
  return host.length <= 253 && host.split('.').every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
}
