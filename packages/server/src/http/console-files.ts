import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** Where the built console lies, and what its pages may talk to beside the origin they come from. */
export interface ConsoleFiles {
  /** What `npm run build:console` makes. */
  readonly folder: string;
  /** Origins, as seen from a request: the device API's for the simulated device, the issuer's for signing in. */
  readonly connectOrigins: (request: FastifyRequest) => readonly string[];
  /** Origin whose pages may be framed, which is how a session is renewed silently; none without an issuer. */
  readonly frameOrigin: string | undefined;
}

/** Stands in index.html wherever the nonce of the answer belongs (`vite.config.ts` of the console). */
const noncePlaceholder = '__CSP_NONCE__';
const contentTypes: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};
const encodings = [
  { name: 'br', extension: '.br' },
  { name: 'gzip', extension: '.gz' },
] as const;

const notBuilt = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>capgo-server</title></head>
<body>
<h1>capgo-server is running, without its console</h1>
<p>The console has not been built. Run <code>npm ci</code> and <code>npm run build:console</code> in the server's folder and
restart it; <code>npm start</code> does so by itself. The management API works meanwhile.</p>
</body>
</html>
`;

interface BuiltConsole {
  readonly page: string;
  /** Every file but the page, by its path below the folder; so no path of a request ever reaches the file system. */
  readonly files: ReadonlySet<string>;
}

function readBuilt(folder: string): BuiltConsole | undefined {
  const index = join(folder, 'index.html');
  if (!existsSync(index)) return undefined;
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = paths.filter((path) => contentTypes[extname(path)] || /\.(br|gz)$/.test(path));
  return {
    page: readFileSync(index, 'utf8'),
    files: new Set(files.filter((path) => isFile(join(folder, path)))),
  };
}

function isFile(path: string): boolean {
  return statSync(path).isFile();
}

/**
 * Where the console lies, relative to the address of a page of it, however the browser came to it: a proxy may have put
 * it below a path that we never see.
 */
export function baseOf(url: string): string {
  const path = url.split(/[?#]/, 1)[0] ?? '';
  const below = /\/ui(\/.*)?$/.exec(path)?.[1];
  if (below === undefined) return './ui/';
  return '../'.repeat(below.split('/').length - 2) || './';
}

function contentSecurityPolicy(nonce: string, connect: readonly string[], frame: string | undefined): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    // The components write a few <style> elements of their own; they know the nonce.
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "worker-src 'self'",
    ["connect-src 'self'", ...new Set(connect)].join(' '),
    // A silent renewal of the session goes to the issuer in a frame, and comes back in it to the console itself.
    `frame-src ${frame === undefined ? "'none'" : `'self' ${frame}`}`,
    "frame-ancestors 'self'",
    "form-action 'self'",
    "base-uri 'self'",
  ].join('; ');
}

function secure(reply: FastifyReply): FastifyReply {
  return reply
    .header('x-content-type-options', 'nosniff')
    .header('referrer-policy', 'no-referrer')
    .header('cross-origin-opener-policy', 'same-origin');
}

function acceptedEncoding(request: FastifyRequest, has: (extension: string) => boolean) {
  const accepted = new Set(
    String(request.headers['accept-encoding'] ?? '')
      .split(',')
      .filter((part) => !/;\s*q=0(\.0*)?\s*$/.test(part))
      .map((part) => part.split(';', 1)[0]?.trim().toLowerCase()),
  );
  return encodings.find(({ name, extension }) => accepted.has(name) && has(extension));
}

/** `/ui` and everything below it: the files of the console, and its page under every other address. */
export function addConsole(
  server: FastifyInstance,
  { folder, connectOrigins, frameOrigin }: ConsoleFiles,
): void {
  const built = readBuilt(folder);

  async function sendFile(path: string, request: FastifyRequest, reply: FastifyReply) {
    const encoding = acceptedEncoding(request, (extension) => built?.files.has(path + extension) === true);
    if (encoding) reply.header('content-encoding', encoding.name);
    return secure(reply)
      .type(contentTypes[extname(path)] ?? 'application/octet-stream')
      .header('vary', 'accept-encoding')
      .header(
        'cache-control',
        // Names below assets/ hold a hash of what is in the file.
        path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'public, max-age=3600',
      )
      .send(await readFile(join(folder, path + (encoding?.extension ?? ''))));
  }

  function sendPage(request: FastifyRequest, reply: FastifyReply) {
    const nonce = randomBytes(18).toString('base64');
    secure(reply)
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-cache')
      .header('content-security-policy', contentSecurityPolicy(nonce, connectOrigins(request), frameOrigin));
    if (!built) return reply.send(notBuilt);
    const base = `<base href="${baseOf(request.originalUrl)}">`;
    return reply.send(built.page.replace('<head>', `<head>${base}`).replaceAll(noncePlaceholder, nonce));
  }

  server.get('/ui', sendPage);
  server.get('/ui/*', (request, reply) => {
    const path = (request.params as { '*': string })['*'];
    if (built?.files.has(path)) return sendFile(path, request, reply);
    // No page has a dot in its first segment. A file of an older console, which a page that is still open asks for, is
    // missing: the page must not be taken for it.
    if (/^(assets\/|[^/]*\.)/.test(path)) return reply.callNotFound();
    return sendPage(request, reply);
  });
}
