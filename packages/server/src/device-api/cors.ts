import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';

/** The origins of apps' own web views and of development servers (protocol §1.2). */
const appOrigins = new Set(['capacitor://localhost', 'ionic://localhost', 'localhost://localhost']);
const localOrigin = /^https?:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/;

const allowedHeaders = [
  ...[
    'Content-Type',
    'Authorization',
    'X-Capgo-Spoof-Admin-Authorization',
    'capgkey',
    'capgo_api',
    'x-api-key',
  ],
  ...['x-limited-key-id', 'apisecret', 'apikey', 'x-client-info'],
];

/** Lets web pages of the app call the device API; native plugins do not need it. Any other origin gets no headers. */
export async function allowAppOrigins(
  server: FastifyInstance,
  furtherOrigins: readonly string[],
): Promise<void> {
  const further = new Set(furtherOrigins);
  await server.register(cors, {
    origin(origin, decide) {
      const allowed =
        origin !== undefined && (appOrigins.has(origin) || localOrigin.test(origin) || further.has(origin));
      decide(null, allowed);
    },
    methods: ['POST', 'GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    allowedHeaders,
    exposedHeaders: ['Content-Length', 'Content-Range', 'ETag', 'Retry-After', 'X-RateLimit-Reset'],
    strictPreflight: false,
    maxAge: 600,
  });
}
