import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../domain/errors.ts';

/**
 * Reads bodies as JSON, strictly UTF-8, no type coerced; a body with a key that could reach a prototype is refused.
 *
 * @param contentTypes what is taken for JSON; `*` for everything that has no parser of its own
 */
export function acceptJsonBodies(server: FastifyInstance, contentTypes: readonly (string | RegExp)[]): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();
  for (const contentType of contentTypes) {
    server.addContentTypeParser(contentType, { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
      if (!isUtf8(bytes)) {
        done(new AppError('invalid_json_parse_body', 'Invalid JSON body: it is not UTF-8'));
        return;
      }
      void parse(request, bytes.toString('utf8'), (error, body) => {
        if (error) done(new AppError('invalid_json_parse_body', 'Invalid JSON body', { cause: error }));
        else done(null, body);
      });
    });
  }
}
