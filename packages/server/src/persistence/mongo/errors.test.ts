import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { translateError } from './errors.ts';

it('a command written to a connection that the database has just closed is told as an outage', async () => {
  const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const socket = connect(typeof address === 'object' && address ? address.port : 0, '127.0.0.1');
  socket.resume();
  await once(socket, 'end');
  const error = await new Promise((resolve) => {
    socket.once('error', resolve);
    socket.write('a command');
  });
  server.close();
  expect(error).toMatchObject({ code: 'EPIPE' });
  expect(translateError(error)).toMatchObject({ code: 'unavailable', message: 'MongoDB cannot be reached' });
});
