import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { OpenApiDocument } from '../http/openapi.ts';

/** An OpenAPI document that the management port serves. */
export interface ServedDocument {
  readonly name: string;
  /** Its last segment: it is served at the root. */
  readonly file: string;
  /** Put together when it is asked for the first time: a start needs none. */
  readonly read: () => OpenApiDocument;
}

/** Nothing from elsewhere, nothing inline. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/**
 * The page's own links are relative to `/docs/`. Without the slash they would point beside it, and to an absolute path a
 * proxy's prefix would be missing.
 */
function redirectToFolder(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const [path = ''] = request.url.split('?');
  if (path.endsWith('/docs')) void reply.redirect('docs/');
  else done();
}

/** Serves documents at the root, and at `/docs` a page that renders them without asking anybody else. */
export async function addDocsPage(
  server: FastifyInstance,
  documents: readonly ServedDocument[],
): Promise<void> {
  for (const { file, read } of documents) {
    const text = once(() => `${JSON.stringify(read(), null, 2)}\n`);
    server.get(`/${file}`, (_request, reply) =>
      reply
        .type('application/json; charset=utf-8')
        .header('cache-control', 'no-cache')
        .header('x-content-type-options', 'nosniff')
        .send(text()),
    );
  }
  const docsPage: FastifyPluginAsync = async (page) => {
    page.addHook('onSend', (_request, reply, payload, done) => {
      reply.header('x-content-type-options', 'nosniff').header('referrer-policy', 'no-referrer');
      done(null, payload);
    });
    await page.register(swagger, {
      mode: 'static',
      specification: { document: { openapi: '3.1.0' } as never },
    });
    await page.register(swaggerUi, {
      routePrefix: '/docs',
      staticCSP: contentSecurityPolicy,
      logo: { type: 'image/svg+xml', content: '<svg xmlns="http://www.w3.org/2000/svg"/>' },
      theme: { title: 'capgo-server API' },
      uiHooks: { onRequest: redirectToFolder },
      transformSpecificationClone: false,
      transformSpecification: () => (documents[0]?.read() ?? {}) as never,
      uiConfig: {
        urls: documents.map(({ name, file }) => ({ name, url: `../${file}` })),
        docExpansion: 'list',
        deepLinking: true,
        validatorUrl: null,
      } as never,
    });
  };
  await server.register(docsPage);
}
