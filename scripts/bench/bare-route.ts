/**
 * What the server is measured against, a process of its own: Fastify with one route that validates the same schema in
 * Fastify's own way and answers a constant, to some apps a large one. Its parent says which.
 */
import { gzipSync } from 'node:zlib';
import { UpdateCheckBody } from '@capgo-server/protocol/device/update-check';
import Fastify from 'fastify';

/** Stands for the server's own check of `plugin_version`: the shortcut nearly every device takes. */
const plainVersion = /^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$/;

let answer: object = {};
/** What the apps of these ids get instead, compressed before anybody asks. */
const large = new Map<string, Buffer>();
process.on('message', (message: { answer: object; large?: { appId: string; answer: object } }) => {
  answer = message.answer;
  if (message.large) large.set(message.large.appId, gzipSync(JSON.stringify(message.large.answer)));
  process.send?.({ answering: true });
});
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);

const server = Fastify({
  logger: false,
  ajv: { customOptions: { formats: { semver: (text: string) => plainVersion.test(text) } } },
});
server.post('/updates', { schema: { body: UpdateCheckBody } }, (request, reply) => {
  const bytes = large.get((request.body as { app_id: string }).app_id);
  if (!bytes) reply.send(answer);
  else reply.header('content-type', 'application/json').header('content-encoding', 'gzip').send(bytes);
});
await server.listen({ port: 0, host: '127.0.0.1' });
const address = server.server.address();
process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
