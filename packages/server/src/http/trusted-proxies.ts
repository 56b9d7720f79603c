import { BlockList, isIPv6 } from 'node:net';

/**
 * Whether an address belongs to a proxy whose forwarded headers are believed.
 *
 * @param entries IPv4 or IPv6 addresses and networks in CIDR form, already validated
 */
export function createProxyTrust(entries: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const entry of entries) {
    const [address = '', prefix] = entry.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(prefix), family);
  }
  return (address) => {
    // A socket open to both families shows IPv4 peers as ::ffff:a.b.c.d.
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
    if (mapped !== undefined) return trusted.check(mapped, 'ipv4');
    return trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
  };
}
