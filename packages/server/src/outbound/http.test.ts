import { once } from 'node:events';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { OutboundRequest } from '../ports/outbound-http.ts';
import { canMakeCertificates, makeCertificate } from '../testing/certificate.ts';
import { createOutboundHttp, type OutboundHttpOptions } from './http.ts';

/** Stands for an address of the Internet; every other one of this machine is as private as it is. */
const publicAddress = '127.0.0.1';
const privateAddress = '127.0.0.2';
const publicName = 'public.example';

describe.skipIf(!canMakeCertificates)('HTTP to the outside (needs openssl)', () => {
  let pair: { cert: string; key: string };
  beforeAll(() => {
    pair = makeCertificate(publicName, 'other.example', 'private.example');
  });

  const servers: { close(): unknown; closeAllConnections(): void }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** A server that remembers what it was asked. */
  async function serve(
    answer: RequestListener,
    { address = publicAddress, port = 0, isPlain = false } = {},
  ): Promise<{ port: number; asked: string[]; connections: () => number }> {
    const asked: string[] = [];
    let connections = 0;
    const listener: RequestListener = (request, response) => {
      asked.push(`${request.method} ${request.url}`);
      answer(request, response);
    };
    const server = isPlain ? createHttpServer(listener) : createHttpsServer(pair, listener);
    servers.push(server);
    server.on('connection', () => {
      connections += 1;
    });
    server.listen(port, address);
    await once(server, 'listening');
    return { port: (server.address() as AddressInfo).port, asked, connections: () => connections };
  }

  /** A resolver that gives a name what the list says; of several lists one after the other. */
  function resolving(names: Record<string, readonly (readonly string[])[]>): LookupFunction {
    const asked = new Map<string, number>();
    return (hostname, options, callback) => {
      const times = asked.get(hostname) ?? 0;
      asked.set(hostname, times + 1);
      const lists = names[hostname.replace(/\.$/, '')] ?? [];
      const addresses = (lists[Math.min(times, lists.length - 1)] ?? []).map((address) => ({
        address,
        family: address.includes(':') ? 6 : 4,
      }));
      if (addresses.length === 0) {
        return callback(
          Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' }),
          [],
        );
      }
      if (options.all) callback(null, addresses);
      else callback(null, addresses[0]?.address ?? '', addresses[0]?.family);
    };
  }

  function outbound(given: Partial<OutboundHttpOptions> = {}) {
    return createOutboundHttp({
      allowPrivate: false,
      isAllowedAddress: (address) => address === publicAddress,
      lookup: resolving({
        [publicName]: [[publicAddress]],
        'other.example': [[publicAddress]],
        'private.example': [[privateAddress]],
      }),
      ca: pair.cert,
      ...given,
    });
  }

  const get = (url: string, given: Partial<OutboundRequest> = {}): OutboundRequest => ({
    ...{ method: 'GET', url, timeoutMs: 5_000, maxBytes: 1_000_000 },
    ...given,
  });

  async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const part of body) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  const ok: RequestListener = (_request, response) => response.end('fine');

  it('asks a public name and answers status, headers and bytes', async () => {
    const { port } = await serve((_request, response) => {
      response.writeHead(418, { 'X-One': '1', 'Set-Cookie': ['a=1', 'b=2'] }).end('x'.repeat(200_000));
    });
    const answer = await outbound().request(get(`https://${publicName}:${port}/a?b=c`));
    expect(answer).toMatchObject({
      status: 418,
      headers: { 'x-one': '1', 'set-cookie': 'a=1, b=2' },
      url: `https://${publicName}:${port}/a?b=c`,
    });
    expect(await textOf(answer.body)).toBe('x'.repeat(200_000));
  });

  it('sends method, headers and body as they are given', async () => {
    const seen: Promise<[string | undefined, string, string]>[] = [];
    const { port } = await serve((request: IncomingMessage, response: ServerResponse) => {
      seen.push(
        textOf(request).then((text) => [
          request.method,
          `${request.headers['x-a']} ${request.headers['content-length']} ${request.headers['accept-encoding']}`,
          text,
        ]),
      );
      request.on('end', () => response.end());
    });
    const headers = { 'X-A': 'b' };
    const answer = await outbound().request(
      get(`https://${publicName}:${port}/`, { method: 'POST', headers, body: '{"ä":1}' }),
    );
    expect(await textOf(answer.body)).toBe('');
    expect(await Promise.all(seen)).toStrictEqual([['POST', 'b 8 identity', '{"ä":1}']]);
  });

  describe('refuses, without a connection being made,', () => {
    it.each([
      ['http', (port: number) => `http://${publicName}:${port}/`],
      ['another scheme', () => 'file:///etc/passwd'],
      ['data', () => 'data:,x'],
      ['no URL at all', () => '/relative'],
      ['nothing', () => ''],
      ['a user', (port: number) => `https://user@${publicName}:${port}/`],
      ['a password', (port: number) => `https://user:hunter2@${publicName}:${port}/`],
      ['a private name', (port: number) => `https://private.example:${port}/`],
      ['a private name with a dot at its end', (port: number) => `https://private.example.:${port}/`],
      ['a private address', (port: number) => `https://127.0.0.2:${port}/`],
      ['a private address with a dot at its end', (port: number) => `https://127.0.0.2.:${port}/`],
      ['a private address as one number', (port: number) => `https://2130706434:${port}/`],
      ['a private address in octal', (port: number) => `https://0177.0.0.02:${port}/`],
      ['a private address as one octal number', (port: number) => `https://017700000002:${port}/`],
      ['a private address in hex', (port: number) => `https://0x7f000002:${port}/`],
      ['a private address in hex parts', (port: number) => `https://0x7f.0.0.0x2:${port}/`],
      ['a short private address', (port: number) => `https://127.2:${port}/`],
      ['a private address in wide digits', (port: number) => `https://１２７.0.0.2:${port}/`],
      ['an encoded private address', (port: number) => `https://%31%32%37.0.0.2:${port}/`],
      ['any address', (port: number) => `https://0:${port}/`],
      ['the loopback of IPv6', (port: number) => `https://[::1]:${port}/`],
      ['a mapped address', (port: number) => `https://[::ffff:127.0.0.2]:${port}/`],
      ['a mapped address in hex', (port: number) => `https://[::ffff:7f00:2]:${port}/`],
      ['a translated address', () => 'https://[64:ff9b::127.0.0.2]/'],
      ['the metadata of clouds', () => 'https://169.254.169.254/latest/meta-data/'],
      ['the metadata of clouds by IPv6', () => 'https://[fd00:ec2::254]/latest/meta-data/'],
    ])('%s', async (_what, urlOf) => {
      const server = await serve(ok, { address: '0.0.0.0' });
      const refusal = outbound().request(get(urlOf(server.port)));
      await expect(refusal).rejects.toMatchObject({ code: 'url_not_allowed' });
      await expect(refusal).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
      await expect(outbound().check(urlOf(server.port))).rejects.toMatchObject({ code: 'url_not_allowed' });
      expect(server.connections()).toBe(0);
    });
  });

  it('refuses names of this machine that the system itself resolves', async () => {
    const server = await serve(ok, { address: '0.0.0.0' });
    const real = createOutboundHttp({ allowPrivate: false });
    for (const host of ['localhost', 'localhost.', 'LOCALHOST', 'a.localhost', '127.0.0.1']) {
      const url = `https://${host}:${server.port}/`;
      await expect(real.request(get(url))).rejects.toMatchObject({ code: 'url_not_allowed' });
      await expect(real.check(url)).rejects.toMatchObject({ code: 'url_not_allowed' });
    }
    expect(server.connections()).toBe(0);
  });

  it('refuses a name of which only one address is private, wherever it stands', async () => {
    const server = await serve(ok, { address: '0.0.0.0' });
    for (const addresses of [
      [publicAddress, privateAddress],
      [privateAddress, publicAddress],
      [publicAddress, '::1'],
      [publicAddress, '169.254.169.254'],
    ]) {
      const http = outbound({ lookup: resolving({ [publicName]: [addresses] }) });
      await expect(http.request(get(`https://${publicName}:${server.port}/`))).rejects.toMatchObject({
        code: 'url_not_allowed',
      });
    }
    expect(server.connections()).toBe(0);
  });

  it('is not fooled by a name that was public when it was looked at and is private when it is asked', async () => {
    const server = await serve(ok, { address: privateAddress });
    const http = outbound({ lookup: resolving({ [publicName]: [[publicAddress], [privateAddress]] }) });
    const url = `https://${publicName}:${server.port}/`;
    await http.check(url);
    await expect(http.request(get(url))).rejects.toMatchObject({ code: 'url_not_allowed' });
    expect(server.connections()).toBe(0);
  });

  it('connects to the very address that it has looked at, and resolves no second time', async () => {
    const inward = await serve(ok, { address: privateAddress });
    const outward = await serve(ok, { port: inward.port });
    const http = outbound({ lookup: resolving({ [publicName]: [[publicAddress], [privateAddress]] }) });
    const answer = await http.request(get(`https://${publicName}:${outward.port}/`));
    expect(await textOf(answer.body)).toBe('fine');
    expect([outward.connections(), inward.connections()]).toStrictEqual([1, 0]);
  });

  it('trusts the certificate of the name only, so that another machine cannot stand for it', async () => {
    const { port, asked } = await serve(ok);
    const lookup = resolving({ 'unknown.example': [[publicAddress]] });
    await expect(outbound({ lookup }).request(get(`https://unknown.example:${port}/`))).rejects.toMatchObject(
      { code: 'url_unreachable' },
    );
    expect(asked).toStrictEqual([]);
  });

  describe('redirects', () => {
    const to =
      (location: string, status = 302): RequestListener =>
      (request, response) => {
        if (request.url === '/start') response.writeHead(status, { location }).end();
        else response.end(`${request.method} ${request.url} ${request.headers['x-secret'] ?? '-'}`);
      };

    it('are answers like any other where nobody asked to follow them', async () => {
      const { port, asked } = await serve(to('/elsewhere'));
      const answer = await outbound().request(get(`https://${publicName}:${port}/start`));
      expect(answer.status).toBe(302);
      answer.discard();
      expect(asked).toStrictEqual(['GET /start']);
    });

    it('of a POST are never followed: its body was not meant for anybody else', async () => {
      const { port, asked } = await serve(to('/elsewhere', 307));
      const url = `https://${publicName}:${port}/start`;
      const answer = await outbound().request(get(url, { method: 'POST', body: 'x', maxRedirects: 5 }));
      expect(answer.status).toBe(307);
      answer.discard();
      expect(asked).toStrictEqual(['POST /start']);
    });

    it('are followed where that is asked for, to the end, and tell it', async () => {
      const { port } = await serve(to('/elsewhere'));
      const headers = { 'x-secret': 'secret' };
      const url = `https://${publicName}:${port}/start`;
      const answer = await outbound().request(get(url, { maxRedirects: 3, headers }));
      expect(answer.url).toBe(`https://${publicName}:${port}/elsewhere`);
      expect(await textOf(answer.body)).toBe('GET /elsewhere secret');
    });

    it('to another origin do not take the headers with them', async () => {
      const other = await serve((request, response) => response.end(request.headers['x-secret'] ?? '-'));
      const { port } = await serve(to(`https://other.example:${other.port}/`));
      const headers = { 'x-secret': 'secret' };
      const url = `https://${publicName}:${port}/start`;
      const answer = await outbound().request(get(url, { maxRedirects: 3, headers }));
      expect(await textOf(answer.body)).toBe('-');
    });

    it.each([
      ['a private name', (port: number) => `https://private.example:${port}/`],
      ['a private address', (port: number) => `https://127.0.0.2:${port}/`],
      ['a private address in disguise', (port: number) => `//2130706434:${port}/`],
      ['the metadata of clouds', () => 'https://169.254.169.254/latest/meta-data/'],
      ['http', (port: number) => `http://${publicName}:${port}/`],
      ['a user', (port: number) => `https://user:hunter2@${publicName}:${port}/`],
      ['a file', () => 'file:///etc/passwd'],
    ])('to %s are not followed', async (_what, locationOf) => {
      const inward = await serve(ok, { address: '0.0.0.0' });
      const { port } = await serve(to(locationOf(inward.port)));
      await expect(
        outbound().request(get(`https://${publicName}:${port}/start`, { maxRedirects: 3 })),
      ).rejects.toMatchObject({ code: 'url_not_allowed' });
      expect(inward.connections()).toBe(0);
    });

    it('to a name that turns private between two hops are not followed', async () => {
      const { port, asked } = await serve(to('/elsewhere'), { address: '0.0.0.0' });
      const http = outbound({ lookup: resolving({ [publicName]: [[publicAddress], [privateAddress]] }) });
      await expect(
        http.request(get(`https://${publicName}:${port}/start`, { maxRedirects: 3 })),
      ).rejects.toMatchObject({ code: 'url_not_allowed' });
      expect(asked).toStrictEqual(['GET /start']);
    });

    it('in circles come to an end', async () => {
      const { port, asked } = await serve((_request, response) => {
        response.writeHead(302, { location: '/start' }).end();
      });
      await expect(
        outbound().request(get(`https://${publicName}:${port}/start`, { maxRedirects: 3 })),
      ).rejects.toMatchObject({ code: 'url_unreachable' });
      expect(asked).toHaveLength(4);
    });
  });

  describe('limits', () => {
    it('end an answer that says it is too large before a byte of it', async () => {
      const { port } = await serve((_request, response) => {
        response.writeHead(200, { 'content-length': '1001' });
        response.write('x');
      });
      await expect(
        outbound().request(get(`https://${publicName}:${port}/`, { maxBytes: 1_000 })),
      ).rejects.toMatchObject({ code: 'payload_too_large' });
    });

    it('end an answer that turns out to be too large, and its connection', async () => {
      let closed: Promise<unknown> | undefined;
      const { port } = await serve((_request, response) => {
        closed = once(response, 'close');
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(10_000)));
        };
        response.on('drain', more);
        more();
      });
      const answer = await outbound().request(get(`https://${publicName}:${port}/`, { maxBytes: 100_000 }));
      await expect(textOf(answer.body)).rejects.toMatchObject({ code: 'payload_too_large' });
      await closed;
    });

    it('let exactly as much pass as they say', async () => {
      const { port } = await serve((_request, response) => response.end('x'.repeat(1_000)));
      const answer = await outbound().request(get(`https://${publicName}:${port}/`, { maxBytes: 1_000 }));
      expect(await textOf(answer.body)).toHaveLength(1_000);
    });

    it.each([
      ['never answers', () => undefined],
      [
        'stops in the midst of its answer',
        (_request: IncomingMessage, response: ServerResponse) => response.write('x'),
      ],
      [
        'drips without end',
        (_request: IncomingMessage, response: ServerResponse) => {
          const drip = setInterval(() => response.write('x'), 10);
          response.on('close', () => clearInterval(drip));
        },
      ],
      [
        'redirects slowly without end',
        (_request: IncomingMessage, response: ServerResponse) => {
          setTimeout(() => response.writeHead(302, { location: '/' }).end(), 60);
        },
      ],
    ])('end waiting for a server that %s', async (_what, answer) => {
      const { port } = await serve(answer as RequestListener);
      const asking = async () => {
        const { body } = await outbound().request(
          get(`https://${publicName}:${port}/`, { timeoutMs: 200, maxRedirects: 100 }),
        );
        return textOf(body);
      };
      await expect(asking()).rejects.toMatchObject({
        code: 'url_unreachable',
        message: 'The URL cannot be reached: it did not answer in 0.2 s',
      });
    });
  });

  it('tells of a server that breaks off, is not there or speaks something else', async () => {
    const broken = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('12345', () => response.destroy());
    });
    const answer = await outbound().request(get(`https://${publicName}:${broken.port}/`));
    await expect(textOf(answer.body)).rejects.toMatchObject({ code: 'url_unreachable' });

    const upgrading = await serve((request) => {
      request.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
    });
    const plain = await serve(ok, { isPlain: true });
    for (const port of [upgrading.port, plain.port, 1]) {
      await expect(outbound().request(get(`https://${publicName}:${port}/`))).rejects.toMatchObject({
        code: 'url_unreachable',
      });
    }
  });

  it('lets a name pass that nobody knows yet, and tells so when it is asked', async () => {
    const url = 'https://unknown.example/';
    await outbound().check(url);
    await expect(outbound().request(get(url))).rejects.toMatchObject({
      code: 'url_unreachable',
      message: 'The URL cannot be reached: ENOTFOUND',
    });
  });

  it('refuses a header that would become two', async () => {
    const { port, asked } = await serve(ok);
    const headers = { 'x-a': 'b\r\nx-c: d' };
    await expect(
      outbound().request(get(`https://${publicName}:${port}/`, { headers })),
    ).rejects.toMatchObject({ code: 'url_unreachable' });
    expect(asked).toStrictEqual([]);
  });

  it('asks http and private addresses when that is allowed, and users and passwords all the same not', async () => {
    const { port } = await serve(ok, { isPlain: true });
    const local = createOutboundHttp({ allowPrivate: true });
    for (const host of ['127.0.0.1', 'localhost', '2130706433']) {
      await local.check(`http://${host}:${port}/`);
      const answer = await local.request(get(`http://${host}:${port}/`));
      expect(await textOf(answer.body)).toBe('fine');
    }
    for (const url of [`http://user:hunter2@127.0.0.1:${port}/`, 'ftp://127.0.0.1/', 'file:///etc/passwd']) {
      await expect(local.request(get(url))).rejects.toMatchObject({ code: 'url_not_allowed' });
    }
  });
});
