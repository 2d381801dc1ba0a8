import { isIP } from 'node:net';
import { isWithin, type Network, network, parseAddress, parseNetwork } from './address.ts';
import { isHostName } from './names.ts';
import { NEVER } from './ranges.ts';

/** What somebody who runs Songmill allows besides public addresses. */
export interface AllowList {
  /** Lower case, exact, without a trailing dot. */
  readonly hosts: ReadonlySet<string>;
  readonly networks: readonly Network[];
}

const never = NEVER.map(network);

/**
 * Reads host names (`receiver.internal`), addresses (`10.0.0.5`) and CIDRs (`10.0.0.0/8`). A name
 * stands for itself only, not for names below it.
 *
 * @returns the list, and one sentence for each entry that is none of these or could never be used
 * @public
 */
export function readAllowList(entries: readonly string[]): { readonly list: AllowList; readonly faults: string[] } {
  const hosts = new Set<string>();
  const networks: Network[] = [];
  const faults: string[] = [];
  for (const entry of entries.map((text) => text.trim()).filter((text) => text !== '')) {
    const read = readEntry(entry);
    if ('fault' in read) faults.push(`${JSON.stringify(entry)} ${read.fault}`);
    else if ('host' in read) hosts.add(read.host);
    else networks.push(read.network);
  }
  return { list: { hosts, networks }, faults };
}

function readEntry(entry: string): { host: string } | { network: Network } | { fault: string } {
  const family = isIP(entry);
  const found = family === 0 ? parseNetwork(entry) : parseNetwork(`${entry}/${family === 4 ? 32 : 128}`);
  if (found === undefined) {
    const host = entry.toLowerCase().replace(/\.$/, '');
    // A last label of digits makes it a mistyped address: no name ends so.
    const isName = isHostName(host) && !/(^|\.)(\d+|0x[\da-f]*)$/.test(host);
    return isName ? { host } : { fault: 'is neither a host name nor an address nor a CIDR such as 10.0.0.0/8' };
  }
  // Addresses are compared after a mapped one has become IPv4, so a mapped network would match nothing.
  if (found.base.family === 6 && parseAddress(found.base.text)?.family === 4) {
    return { fault: 'is an IPv4-mapped network: write it as IPv4' };
  }
  if (never.some((range) => found.bits >= range.bits && isWithin(found.base, range))) {
    return { fault: 'is link-local, multicast or a metadata address, and those are never allowed' };
  }
  return { network: found };
}
