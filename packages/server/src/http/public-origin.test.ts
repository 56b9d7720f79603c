import { describe, expect, it } from 'vitest';
import { requestOrigin, siblingOrigin } from './public-origin.ts';

const request = (host: string, protocol: 'http' | 'https' = 'http') => ({ host, protocol });
const refusal = expect.objectContaining({ code: 'invalid_request' });

describe('the origin a caller reached us at', () => {
  it.each([
    'updates.example.com',
    'updates.example.com:8443',
    'UPDATES.example.com',
    'localhost:8000',
    'my_service.internal',
    'a-b.example',
    '192.0.2.1',
    '192.0.2.1:8000',
    '[2001:db8::1]',
    '[2001:db8::1]:8000',
    '[::ffff:192.0.2.1]:8000',
    'xn--bcher-kva.example',
  ])('is its protocol and its host %s', (host) => {
    expect(requestOrigin(request(host))).toBe(`http://${host}`);
    expect(requestOrigin(request(host, 'https'))).toBe(`https://${host}`);
  });

  const noHosts = [
    '',
    ' ',
    'example.com/path',
    'example.com?query',
    'example.com#part',
    'user@example.com',
    'user:password@example.com',
    'example.com:',
    'example.com:port',
    'example.com:123456',
    'example.com:99999',
    'example.com:80:80',
    'exa mple.com',
    'example.com ',
    'example.com\r\nx-header: 1',
    'example.com\n',
    'example.com\\evil',
    'example.com,evil.com',
    '<script>',
    '"example.com"',
    'bücher.example',
    '2001:db8::1',
    '[2001:db8::1',
    '[2001:db8::1]evil.com',
    '[example.com]',
    '[::::]',
    '999.999.999.999',
    '%65xample.com',
    '//example.com',
    "example.com'",
    'example.com`',
  ];

  it.each(noHosts)('is refused when the Host header is "%s"', (host) => {
    expect(() => requestOrigin(request(host))).toThrow(refusal);
  });

  it.each(noHosts)('with another port is refused when the Host header is "%s"', (host) => {
    expect(() => siblingOrigin(request(host), 8000)).toThrow(refusal);
  });
});

describe('the origin of the other API', () => {
  it.each([
    ['updates.example.com', 'http', 8000, 'http://updates.example.com:8000'],
    ['updates.example.com:8001', 'https', 8000, 'https://updates.example.com:8000'],
    ['updates.example.com:8001', 'https', 443, 'https://updates.example.com'],
    ['localhost:8001', 'http', 80, 'http://localhost'],
    ['192.0.2.1:8001', 'http', 8000, 'http://192.0.2.1:8000'],
    ['[2001:db8::1]:8001', 'http', 8000, 'http://[2001:db8::1]:8000'],
    ['[2001:db8::1]', 'http', 8000, 'http://[2001:db8::1]:8000'],
  ] as const)('of %s over %s at port %i is %s', (host, protocol, port, expected) => {
    expect(siblingOrigin(request(host, protocol), port)).toBe(expected);
  });
});
