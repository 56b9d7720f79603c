/**
 * What the server is measured against, a process of its own: Fastify with one route that validates the same schema in
 * Fastify's own way and answers a constant. Its parent says which.
 */
import { UpdateCheckBody } from '@capgo-server/protocol/device/update-check';
import Fastify from 'fastify';

/** Stands for the server's own check of `plugin_version`: the shortcut nearly every device takes. */
const plainVersion = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

let answer: object = {};
process.on('message', (message: { answer: object }) => {
  answer = message.answer;
  process.send?.({ answering: true });
});
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);

const server = Fastify({
  logger: false,
  ajv: { customOptions: { formats: { semver: (text: string) => plainVersion.test(text) } } },
});
server.post('/updates', { schema: { body: UpdateCheckBody } }, (_request, reply) => {
  reply.send(answer);
});
await server.listen({ port: 0, host: '127.0.0.1' });
const address = server.server.address();
process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
