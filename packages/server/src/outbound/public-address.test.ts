import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPublicAddress } from './public-address.ts';

describe('a public address', () => {
  it.each([
    ...[
      '1.1.1.1',
      '8.8.8.8',
      '93.184.216.34',
      '100.63.255.255',
      '100.128.0.1',
      '172.15.255.255',
      '172.32.0.1',
    ],
    ...['192.167.255.255', '223.255.255.255', '2606:4700:4700::1111', '2a00:1450:4001:81b::200e'],
  ])('is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each([
    ...['127.0.0.1', '127.255.255.254', '::1', '0.0.0.0', '0.1.2.3', '::'],
    ...['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fc00::1', 'fdff::1', 'fec0::1'],
    ...['169.254.1.1', 'fe80::1', 'fe80::1%eth0', '2606:4700::1%eth0'],
    // Where clouds answer about the machine itself.
    ...[
      '169.254.169.254',
      '169.254.170.2',
      'fd00:ec2::254',
      '168.63.129.16',
      '100.100.100.200',
      '192.0.0.192',
    ],
    ...['100.64.0.1', '100.127.255.255'],
    ...[
      '224.0.0.1',
      '239.255.255.255',
      '255.255.255.255',
      'ff02::1',
      '240.0.0.1',
      '198.18.0.1',
      '198.19.255.255',
    ],
    ...['192.0.2.1', '198.51.100.7', '203.0.113.9', '2001:db8::1', '3fff::1', '192.88.99.1', '192.31.196.1'],
    // IPv4 within IPv6: mapped, compatible, translated, by tunnel.
    ...['::ffff:8.8.8.8', '::ffff:127.0.0.1', '::ffff:7f00:1', '::127.0.0.1', '::ffff:0:127.0.0.1'],
    ...[
      '64:ff9b::7f00:1',
      '64:ff9b::a9fe:a9fe',
      '64:ff9b:1::7f00:1',
      '2002:7f00:1::',
      '2001::1',
      '2001:0:7f00:1::',
    ],
    ...['100::1', '5f00::1', '4000::1', '1fff::1'],
    // What a resolver never answers, and a lenient reader would take for one.
    ...[
      '2130706433',
      '0x7f000001',
      '017700000001',
      '127.1',
      '0177.0.0.1',
      '8.8.8.08',
      ' 8.8.8.8',
      '8.8.8.8.',
      '',
    ],
    ...['localhost', 'example.com', '[::1]', '8.8.8.8/32'],
  ])('is not %j', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it('is none of a private network, whatever its last numbers', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(byte, byte, byte, fc.integer({ min: 16, max: 31 }), (a, b, c, d) => {
        const inward = [
          `10.${a}.${b}.${c}`,
          `127.${a}.${b}.${c}`,
          `192.168.${a}.${b}`,
          `169.254.${a}.${b}`,
          `172.${d}.${a}.${b}`,
        ];
        for (const address of inward) {
          expect(isPublicAddress(address)).toBe(false);
          expect(isPublicAddress(`::ffff:${address}`)).toBe(false);
          expect(isPublicAddress(`64:ff9b::${address}`)).toBe(false);
        }
      }),
    );
  });
});
