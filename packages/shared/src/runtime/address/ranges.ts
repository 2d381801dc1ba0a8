/**
 * The addresses that a URL given by a stranger may or may not lead to. From the IANA special-purpose
 * registries for IPv4 and IPv6 as collected in Microsoft AntiSSRF's `recommendedV1`, and the metadata
 * addresses that cloud providers document. Notation: CIDR.
 */

/**
 * Refused whatever is allowed otherwise: metadata services hand out credentials, link-local addresses
 * are where they live, and the rest is no destination at all.
 */
export const NEVER = [
  '0.0.0.0/8', // "this network"; 0.0.0.0 reaches the machine itself on Linux
  '169.254.0.0/16', // link-local, with the metadata services of AWS, GCP, Azure, DigitalOcean, Oracle, OpenStack, ECS
  '100.100.100.200/32', // Alibaba Cloud metadata
  '168.63.129.16/32', // Azure WireServer
  '192.0.0.192/32', // Oracle Cloud Classic metadata
  '224.0.0.0/4', // multicast
  '255.255.255.255/32', // broadcast
  '::/128', // unspecified
  'fe80::/10', // link-local
  'ff00::/8', // multicast
  'fd00:ec2::/32', // AWS: instance metadata, pod identity, DNS and time
  'fd20:ce::254/128', // GCP metadata
  'fd00:c1::a9fe:a9fe/128', // Oracle Cloud metadata
  'fd00:42::42/128', // Scaleway metadata
  'fd00:a9fe:a9fe::1/128', // Linode metadata
  'fd00:100::100:200/128', // Alibaba Cloud metadata
] as const;

/** Networks of a machine, a company or a provider: allowed where private addresses are. */
export const PRIVATE = [
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::1/128',
  'fc00::/7',
] as const;

/** Neither public unicast nor private: only for whoever lists them. */
export const SPECIAL_IPV4 = [
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.31.196.0/24', // AS112
  '192.52.193.0/24', // AMT relays
  '192.88.99.0/24', // 6to4 relays
  '192.175.48.0/24', // AS112
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '240.0.0.0/4', // reserved
] as const;

/**
 * All of IPv6 that is handed out as public unicast. Beginning from what is allowed keeps every odd
 * form out: IPv4-compatible, IPv4-translated, NAT64, site-local and whatever comes next.
 */
export const GLOBAL_IPV6 = '2000::/3';

/** What is not public inside `GLOBAL_IPV6`. */
export const SPECIAL_IPV6 = [
  '2001::/23', // protocol assignments, with Teredo and ORCHID
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '2620:4f:8000::/48', // AS112
  '3fff::/20', // documentation
] as const;

/** IPv6 networks whose addresses carry an IPv4 address, and the byte where it begins. */
export const CARRIERS = [
  { network: '::/96', at: 12 }, // IPv4-compatible
  { network: '::ffff:0:0:0/96', at: 12 }, // IPv4-translated (SIIT, RFC 6145)
  { network: '64:ff9b::/96', at: 12 }, // NAT64 (RFC 6052)
  { network: '64:ff9b:1::/48', at: 12 }, // local NAT64 (RFC 8215), in its usual /96 form
  { network: '2002::/16', at: 2 }, // 6to4
] as const;
