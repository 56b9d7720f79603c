import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { AppError } from '../domain/errors.ts';
import { toAppError } from './app-error.ts';
import type { Metrics, RequestObserver } from './metrics.ts';
import { createTlsReloader, type TlsFiles } from './tls.ts';
import { createProxyTrust } from './trusted-proxies.ts';

/** An error as an audience sees it. */
export interface RenderedError {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** What there is to know of a request that ends in an error; before it is read not all of it is there. */
export interface RequestFacts {
  readonly id: string;
  readonly url: string;
  readonly method?: string | undefined;
  readonly headers?: IncomingHttpHeaders;
}

export interface HttpServerOptions {
  /** Which one it is, for metrics and the log. */
  readonly name: 'device' | 'management' | 'metrics';
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Addresses and networks whose `X-Forwarded-*` headers are believed. */
  readonly trustedProxies: readonly string[];
  readonly tls?: TlsFiles | undefined;
  /** Largest body, in bytes, unless a route says otherwise. */
  readonly maxBodyBytes: number;
  readonly renderError: (error: AppError, request: RequestFacts) => RenderedError;
  /** The path and query to route by, where that is not what the client wrote. */
  readonly toRoutePath?: (url: string) => string;
}

const processId = randomUUID().slice(0, 8);
let requestCount = 0;

/** Unlike any other in the log, of this process and of others; a random id for each request would cost more. */
function nextRequestId(): string {
  requestCount += 1;
  return `${processId}-${requestCount.toString(36)}`;
}

/** A connection on which nothing moves for so long is closed; a slow but living transfer is not. */
const idleConnectionMs = 120_000;
const unmatchedRoute = 'unmatched';

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Set by a route whose handler measures its own answers when it hands them over; errors are measured for it. Waiting
     * for the socket to take an answer needs listeners on every response, which cost an update check more than the
     * decision.
     */
    readonly observe?: RequestObserver;
  }
  interface FastifyRequest {
    /** When the request came, on a route that measures itself: Fastify keeps the time only for those it listens to. */
    startedAtMs: number;
  }
}

/** Seconds since a request came, on a route that measures itself. */
export function secondsSince({ startedAtMs }: FastifyRequest): number {
  return (performance.now() - startedAtMs) / 1000;
}

/** Measures every route that does not measure itself, from the first byte of a request to the last of its answer. */
function observe(server: FastifyInstance, { name, metrics }: HttpServerOptions): void {
  server.decorateRequest('startedAtMs', 0);
  server.addHook('onRoute', (route) => {
    if (route.config?.observe) {
      const start = (request: FastifyRequest, _reply: FastifyReply, done: () => void) => {
        request.startedAtMs = performance.now();
        done();
      };
      route.onRequest = [start, ...[route.onRequest ?? []].flat()];
      return;
    }
    const observers = new Map(
      [route.method].flat().map((method) => [method, metrics.requestObserver(name, method, route.url)]),
    );
    route.onResponse = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
      observers.get(request.method)?.(reply.statusCode, reply.elapsedTime / 1000);
      done();
    };
  });
}

/** A dependency that is away refuses every request: each in the log would fill the disk and say nothing new. */
const refusalsLoggedEveryMs = 1_000;

/** Logs the first refusal of a second, with how many of its code were not logged since the last one. */
function createRefusalLog(logger: Logger): (error: AppError, requestId: string) => void {
  const states = new Map<string, { quietUntilMs: number; unlogged: number }>();
  return (error, requestId) => {
    const now = performance.now();
    const state = states.get(error.code) ?? { quietUntilMs: 0, unlogged: 0 };
    if (now < state.quietUntilMs) {
      state.unlogged += 1;
      return;
    }
    const { unlogged } = state;
    logger.warn({ event: error.code, requestId, unlogged, err: error }, error.message);
    states.set(error.code, { quietUntilMs: now + refusalsLoggedEveryMs, unlogged: 0 });
  };
}

function answerErrors(server: FastifyInstance, options: HttpServerOptions): void {
  const logRefusal = createRefusalLog(options.logger);
  server.setErrorHandler((thrown, request, reply) => {
    const error = toAppError(thrown);
    if (error.code === 'internal') {
      options.logger.error({ event: 'internal_error', requestId: request.id, err: thrown }, 'request failed');
    } else if (error.code === 'unavailable' || error.code === 'insufficient_storage') {
      logRefusal(error, request.id);
    }
    const { status, headers, body } = options.renderError(error, request);
    request.routeOptions.config.observe?.(status, secondsSince(request));
    return reply.code(status).headers(headers).send(body);
  });
  // Node knows some forty methods, and paths are without end: neither becomes a label.
  const observeUnmatched = options.metrics.requestObserver(options.name, 'other', unmatchedRoute);
  server.setNotFoundHandler((request, reply) => {
    // Nothing was done for it but to find that there is nothing.
    observeUnmatched(404, 0);
    const { status, headers, body } = options.renderError(new AppError('not_found', 'Not found'), request);
    return reply.code(status).headers(headers).send(body);
  });
}

/**
 * What all our listeners have in common: limits, proxies, TLS, metrics and errors in the audience's shape. Requests
 * are logged at `debug` only.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const tls = options.tls && createTlsReloader(options.tls, options.logger);
  const render = (error: AppError, request: RequestFacts) => options.renderError(error, request);
  const { toRoutePath } = options;
  const server = Fastify({
    // Fastify's logger makes a child for every request; what is worth a line is logged here and in the error handler.
    logger: false,
    genReqId: nextRequestId,
    trustProxy: options.trustedProxies.length > 0 ? createProxyTrust(options.trustedProxies) : false,
    bodyLimit: options.maxBodyBytes,
    connectionTimeout: idleConnectionMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 2_048 },
    frameworkErrors(thrown, request, reply: FastifyReply) {
      const { status, headers, body } = render(toAppError(thrown), {
        id: String(request.id),
        url: request.url,
        method: request.method,
        headers: request.headers,
      });
      void reply.code(status).headers(headers).send(body);
    },
    clientErrorHandler(thrown, socket) {
      if ('code' in thrown && thrown.code === 'ECONNRESET') return;
      if (!socket.writable) {
        socket.destroy();
        return;
      }
      const isTimeout = thrown.code === 'ERR_HTTP_REQUEST_TIMEOUT';
      const error = isTimeout
        ? new AppError('request_timeout', 'The request took too long')
        : new AppError('invalid_request', 'This is not a well-formed HTTP request');
      const { status, body } = render(error, { id: '', url: '' });
      const text = JSON.stringify(body);
      socket.end(
        `HTTP/1.1 ${status} ${isTimeout ? 'Request Timeout' : 'Bad Request'}\r\nConnection: close\r\n` +
          `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      );
    },
    ...(toRoutePath
      ? { rewriteUrl: (request: { readonly url?: string | undefined }) => toRoutePath(request.url ?? '/') }
      : {}),
    ...(tls ? { https: { ...tls.current } } : {}),
  }) as unknown as FastifyInstance;

  if (tls) {
    const secureServer = server.server as unknown as HttpsServer;
    server.addHook('onReady', (done) => {
      tls.start((pair) => secureServer.setSecureContext(pair));
      done();
    });
    server.addHook('onClose', (_instance, done) => {
      tls.stop();
      done();
    });
  }
  observe(server, options);
  answerErrors(server, options);
  if (options.logger.isLevelEnabled('debug')) logRequests(server, options.logger);
  return server;
}

function logRequests(server: FastifyInstance, logger: Logger): void {
  server.addHook('onResponse', (request: FastifyRequest, reply, done) => {
    const { method, ip, id } = request;
    // What stands there can be a key itself.
    const url = request.url.replace(/(\/apikey\/)[^/?]+/, '$1…');
    logger.debug(
      { requestId: id, method, url, ip, status: reply.statusCode, ms: reply.elapsedTime },
      'request',
    );
    done();
  });
}
