import { request as ask, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * What a relay does with a request: passes it on; passes it on and cuts the line before the answer; answers itself;
 * cuts the line; or never says anything.
 */
export type RelayChoice =
  | 'pass'
  | 'lose-answer'
  | 'cut'
  | 'hang'
  | { readonly status: number; readonly body?: string; readonly headers?: Readonly<Record<string, string>> };

/** Stands between a client and a server, and is the weather there. */
export interface HttpRelay {
  readonly origin: string;
  /** Decides on every request that comes from now on. */
  choose(choice: (request: IncomingMessage) => RelayChoice): void;
  close(): Promise<void>;
}

function passOn(target: URL, request: IncomingMessage, answerWith: (answer: IncomingMessage) => void): void {
  const { method, url, headers } = request;
  // With the Host header as it came: signatures cover it.
  const passed = ask({ host: target.hostname, port: target.port, method, path: url, headers, agent: false });
  passed.on('response', answerWith);
  passed.on('error', () => request.socket.destroy());
  const end = () => passed.destroy();
  request.socket.once('close', end);
  passed.once('close', () => request.socket.off('close', end));
  request.pipe(passed);
}

function act(choice: RelayChoice, target: URL, request: IncomingMessage, response: ServerResponse): void {
  if (choice === 'hang') return;
  if (choice === 'cut') {
    request.socket.destroy();
  } else if (choice === 'lose-answer') {
    passOn(target, request, (answer) => answer.resume().on('end', () => request.socket.destroy()));
  } else if (choice === 'pass') {
    passOn(target, request, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
  } else {
    request.resume().on('end', () => response.writeHead(choice.status, choice.headers).end(choice.body));
  }
}

/** Starts a relay that passes everything on. */
export async function startHttpRelay(targetUrl: string): Promise<HttpRelay> {
  const target = new URL(targetUrl);
  let decide: (request: IncomingMessage) => RelayChoice = () => 'pass';
  const server = createServer((request, response) => act(decide(request), target, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    choose(choice) {
      decide = choice;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
