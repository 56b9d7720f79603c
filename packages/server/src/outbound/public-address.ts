import ipaddr from 'ipaddr.js';

/**
 * All that is given out for the Internet of IPv6. What lies outside of it reaches nobody, or by some translation an
 * address of IPv4 that nobody has checked.
 */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/** Public by its range, but in a cloud the machine's own host answers there. */
const hostAddresses: ReadonlySet<string> = new Set(['168.63.129.16']);

/**
 * Whether an IP address is one that anybody on the Internet can be asked under: not private, loopback, link-local (where
 * clouds keep their metadata), shared by carriers, multicast, reserved, nor IPv4 in the clothes of IPv6. Anything that is
 * no address in its usual notation is not.
 */
export function isPublicAddress(text: string): boolean {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) {
    return ipaddr.IPv4.parse(text).range() === 'unicast' && !hostAddresses.has(text);
  }
  if (!text.includes(':') || text.includes('%') || !ipaddr.IPv6.isValid(text)) return false;
  const address = ipaddr.IPv6.parse(text);
  return address.range() === 'unicast' && address.match(globalUnicast);
}
