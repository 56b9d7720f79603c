import type { FastifyInstance } from 'fastify';

/** The origins of apps' own web views and of development servers (protocol §1.2). */
const appOrigins = ['capacitor://localhost', 'ionic://localhost', 'localhost://localhost'];
const localOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

const preflightHeaders = {
  'access-control-allow-methods': 'POST, GET, PUT, PATCH, DELETE, OPTIONS',
  'access-control-allow-headers': [
    ...[
      'Content-Type',
      'Authorization',
      'X-Capgo-Spoof-Admin-Authorization',
      'capgkey',
      'capgo_api',
      'x-api-key',
    ],
    ...['x-limited-key-id', 'apisecret', 'apikey', 'x-client-info'],
  ].join(', '),
  'access-control-max-age': '600',
};
const exposedHeaders = 'Content-Length, Content-Range, ETag, Retry-After, X-RateLimit-Reset';

/**
 * Lets web pages of the app call the device API; any other origin gets no headers. Native plugins send no Origin and
 * pay nothing: the common plugin for this costs each of their checks more than the decision does.
 */
export function allowAppOrigins(server: FastifyInstance, furtherOrigins: readonly string[]): void {
  const allowed = new Set([...appOrigins, ...furtherOrigins]);
  server.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers;
    // A cached answer to a request without Origin must not be given to one with it.
    if (request.method !== 'POST' || origin !== undefined) reply.header('vary', 'Origin');
    const isAllowed = origin !== undefined && (allowed.has(origin) || localOrigin.test(origin));
    if (isAllowed) {
      reply
        .header('access-control-allow-origin', origin)
        .header('access-control-expose-headers', exposedHeaders);
    }
    if (request.method === 'OPTIONS')
      reply
        .code(204)
        .headers(isAllowed ? preflightHeaders : {})
        .send();
    else done();
  });
}
