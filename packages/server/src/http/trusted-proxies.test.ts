import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { createProxyTrust } from './trusted-proxies.ts';

describe('a proxy', () => {
  const isTrusted = createProxyTrust(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '2001:db8::5']);

  it.each([
    '10.0.0.0',
    '10.255.255.255',
    '192.0.2.7',
    '::ffff:10.1.2.3',
    '::FFFF:192.0.2.7',
    '::ffff:a01:203',
    'fd00::1',
    'fdff:ffff::',
    'fd00::1%eth0',
    '2001:db8::5',
    '2001:0db8:0:0::5',
    '2001:DB8::5',
  ])('is believed at %s', (address) => {
    expect(isTrusted(address)).toBe(true);
  });

  it.each([
    '11.0.0.0',
    '9.255.255.255',
    '192.0.2.8',
    '::ffff:11.0.0.1',
    'fc00::1',
    '2001:db8::6',
    '::1',
    '127.0.0.1',
    // What a header can hold in place of an address.
    '',
    'unknown',
    '_hidden',
    '10.0.0.1:8080',
    '[fd00::1]:8080',
    '10.0.0',
    '010.0.0.1',
    '10.0.0.1, 10.0.0.2',
    'proxy.example.com',
  ])('is not believed at "%s"', (address) => {
    expect(isTrusted(address)).toBe(false);
  });

  it('is never believed when none is named', () => {
    expect(['127.0.0.1', '::1', '10.0.0.1'].filter(createProxyTrust([]))).toStrictEqual([]);
  });

  it('is believed everywhere when every network is named, in its own family', () => {
    const everyIpv4 = createProxyTrust(['0.0.0.0/0']);
    expect(['198.51.100.1', '::ffff:198.51.100.1'].map(everyIpv4)).toStrictEqual([true, true]);
    expect(createProxyTrust(['::/0'])('2001:db8::1')).toBe(true);
  });
});

describe('the address of a caller', () => {
  const server = Fastify({ trustProxy: createProxyTrust(['10.0.0.0/8']) });
  server.get('/', (request) => ({ ip: request.ip, protocol: request.protocol, host: request.host }));

  async function seen(remoteAddress: string, headers: Record<string, string>) {
    const answer = await server.inject({ url: '/', remoteAddress, headers: { host: 'direct', ...headers } });
    return answer.json();
  }

  it('is taken from what a believed proxy forwards', async () => {
    expect(
      await seen('10.0.0.1', {
        'x-forwarded-for': '192.0.2.1',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'updates.example.com',
      }),
    ).toStrictEqual({ ip: '192.0.2.1', protocol: 'https', host: 'updates.example.com' });
  });

  it('is the nearest one that is not a believed proxy, whatever the caller wrote before it', async () => {
    const chain = '203.0.113.9, unknown, 192.0.2.1, 10.0.0.2';
    expect(await seen('10.0.0.1', { 'x-forwarded-for': chain })).toMatchObject({ ip: '192.0.2.1' });
  });

  it('is that of the connection when its other end is no believed proxy', async () => {
    expect(
      await seen('192.0.2.1', {
        'x-forwarded-for': '203.0.113.9',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'evil.example.com',
      }),
    ).toStrictEqual({ ip: '192.0.2.1', protocol: 'http', host: 'direct' });
  });

  it.each(['', 'unknown', '10.0.0.1:80', ','])('does not break on the header "%s"', async (forwarded) => {
    const answer = await server.inject({
      url: '/',
      remoteAddress: '10.0.0.1',
      headers: { 'x-forwarded-for': forwarded },
    });
    expect(answer.statusCode).toBe(200);
  });
});
