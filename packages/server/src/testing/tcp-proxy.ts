import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server, as a network does. */
export interface TcpProxy {
  readonly port: number;
  /** From now on nothing arrives, and nobody is told. */
  stall(): void;
  resume(): void;
  /** From now on there is no connection, as if nobody listened. */
  cut(): void;
  restore(): void;
  /** Told what clients send before it is passed on. */
  onRequest(callback: (bytes: Buffer) => void): void;
  /** Connections that were ever made, those while it was cut among them. */
  readonly connectionCount: number;
  /** Connections that were ended at once because it was cut. */
  readonly refusedCount: number;
  readonly openCount: number;
  close(): Promise<void>;
}

export async function openTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const clients = new Set<Socket>();
  const listeners: ((bytes: Buffer) => void)[] = [];
  let isStalled = false;
  let isCut = false;
  let connectionCount = 0;
  let refusedCount = 0;

  function join(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on('data', (bytes) => to.write(bytes));
    from.on('error', () => to.destroy());
    from.on('close', () => {
      sockets.delete(from);
      to.destroy();
    });
    if (isStalled) from.pause();
  }

  const server = createServer((client) => {
    connectionCount += 1;
    client.on('error', () => undefined);
    if (isCut) {
      refusedCount += 1;
      client.destroy();
      return;
    }
    clients.add(client);
    client.on('close', () => clients.delete(client));
    client.on('data', (bytes) => {
      for (const listener of listeners) listener(bytes);
    });
    const target = connect(targetPort, '127.0.0.1');
    join(client, target);
    join(target, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || !address) throw new Error('The proxy has no port');
  return {
    port: address.port,
    stall() {
      isStalled = true;
      for (const socket of sockets) socket.pause();
    },
    resume() {
      isStalled = false;
      for (const socket of sockets) socket.resume();
    },
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    restore() {
      isCut = false;
    },
    onRequest(callback) {
      listeners.push(callback);
    },
    get connectionCount() {
      return connectionCount;
    },
    get refusedCount() {
      return refusedCount;
    },
    get openCount() {
      return clients.size;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
