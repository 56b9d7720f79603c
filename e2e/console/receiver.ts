import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A service that takes webhooks, on this machine. */
export interface Receiver {
  readonly url: string;
  /** Bodies, in the order they came. */
  readonly bodies: readonly Record<string, unknown>[];
  readonly headers: readonly Readonly<Record<string, unknown>>[];
  /** What it answers from now on. */
  answer(status: number, body: string): void;
  close(): Promise<void>;
}

export async function startReceiver(): Promise<Receiver> {
  const bodies: Record<string, unknown>[] = [];
  const headers: Readonly<Record<string, unknown>>[] = [];
  let answer = { status: 200, body: 'ok' };
  const server = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (part: string) => {
      text += part;
    });
    request.on('end', () => {
      bodies.push(JSON.parse(text) as Record<string, unknown>);
      headers.push(request.headers);
      response.writeHead(answer.status, { 'content-type': 'text/plain' }).end(answer.body);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    ...{ bodies, headers },
    answer(status, body) {
      answer = { status, body };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
