import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { createExternalObjects } from './external.ts';

describe('external objects', () => {
  let server: Server | undefined;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(answer: RequestListener): Promise<string> {
    const listening = createServer(answer);
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const address = listening.address();
    return `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/a.zip`;
  }

  async function read(url: string, timeoutMs = 5_000): Promise<string> {
    const parts: Uint8Array[] = [];
    for await (const part of createExternalObjects({ timeoutMs }).read(url)) parts.push(part);
    return Buffer.concat(parts).toString();
  }

  it('are read as they are', async () => {
    const url = await serve((_request, response) => response.end('x'.repeat(1_000_000)));
    expect(await read(url)).toBe('x'.repeat(1_000_000));
  });

  it.each([404, 403, 500, 206, 204])('are not there when the answer is %d', async (status) => {
    const url = await serve((_request, response) => response.writeHead(status).end());
    await expect(read(url)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining(String(status)),
    });
  });

  it('are not looked for where a redirect leads', async () => {
    const paths: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      paths.push(request.url);
      response.writeHead(302, { location: '/inward' }).end();
    });
    await expect(read(url)).rejects.toMatchObject({ code: 'unavailable' });
    expect(paths).toStrictEqual(['/a.zip']);
  });

  it('are given up when they do not come in time, from the start or in their midst', async () => {
    const url = await serve((request, response) => {
      if (request.url === '/a.zip') response.write('x');
    });
    for (const slow of [url, `${url}?silent`]) {
      await expect(read(slow, 100)).rejects.toMatchObject({ code: 'unavailable' });
    }
  });

  it('are given up when who reads them is told to stop', async () => {
    const url = await serve((_request, response) => response.write('x'));
    const stop = new AbortController();
    const reading = async () => {
      for await (const _bytes of createExternalObjects().read(url, stop.signal)) stop.abort();
    };
    await expect(reading()).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('that are cut short are no objects', async () => {
    const url = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('12345', () => response.destroy());
    });
    await expect(read(url)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it.each([
    'file:///etc/passwd',
    'ftp://example.com/a.zip',
    'data:,x',
    '/a.zip',
    '',
    'http://user:hunter2@127.0.0.1/a.zip',
  ])('are not read from %j', async (url) => {
    const refusal = await read(url).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'unavailable' });
    expect((refusal as Error).message).not.toContain('hunter2');
  });
});
