import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../domain/errors.ts';

/** A half of a character that needs two, escaped in JSON: legal there, but no text, and no database keeps it. */
const surrogateEscape = /\\u[dD][89a-fA-F]/;

/** Costs nothing for bodies without such an escape, which are nearly all. */
function hasLoneSurrogate(text: string, body: unknown): boolean {
  // Stringified again, whole characters stand as they are and only halves are still escaped.
  return surrogateEscape.test(text) && surrogateEscape.test(JSON.stringify(body));
}

function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^application\/([\w.-]+\+)?json\b/i.test(contentType);
}

/**
 * Reads bodies as JSON, strictly UTF-8 and well-formed, no type coerced; a body with a key that could reach a prototype
 * is refused.
 *
 * @param accepts what is taken for JSON: bodies that say so or say nothing, or any body that has no parser of its own
 */
export function acceptJsonBodies(server: FastifyInstance, accepts: 'json' | 'anything'): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeAllContentTypeParsers();

  function read(
    request: FastifyRequest,
    bytes: Buffer,
    done: (error: Error | null, body?: unknown) => void,
  ): void {
    if (accepts === 'json' && !isJson(request.headers['content-type'])) {
      done(new AppError('unsupported_media_type', 'Send the body as application/json'));
      return;
    }
    // Some clients name a content type for a body they do not send; what it would have said can be in the query string.
    if (bytes.length === 0 && (accepts === 'anything' || request.method === 'DELETE')) {
      done(null, undefined);
      return;
    }
    if (!isUtf8(bytes)) {
      done(new AppError('invalid_json_parse_body', 'Invalid JSON body: it is not UTF-8'));
      return;
    }
    const text = bytes.toString('utf8');
    void parse(request, text, (error, body) => {
      if (error) {
        done(new AppError('invalid_json_parse_body', 'Invalid JSON body', { cause: error }));
      } else if (hasLoneSurrogate(text, body)) {
        done(new AppError('invalid_json_parse_body', 'Invalid JSON body: it holds half a character'));
      } else {
        done(null, body);
      }
    });
  }
  // By name as well: Fastify finds a named parser faster than it finds that there is none.
  for (const contentType of ['application/json', '*'])
    server.addContentTypeParser(contentType, { parseAs: 'buffer' }, read);
}
