import type { FastifyRequest } from 'fastify';
import { RestError } from './rest-error.ts';

/** What a request says, before it is checked. */
export type RestInput = Readonly<Record<string, unknown>>;

function isRecord(value: unknown): value is RestInput {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function emptyInput(): RestError {
  return new RestError('invalid_json_parse_body', 'Invalid JSON body');
}

/** The JSON body; for routes where only that counts. */
export function bodyInput({ body }: Pick<FastifyRequest, 'body'>): RestInput {
  if (!isRecord(body)) throw emptyInput();
  return body;
}

/** The JSON body, or the query string of a request without one. */
export function bodyOrQueryInput({ body, query }: Pick<FastifyRequest, 'body' | 'query'>): RestInput {
  if (body !== undefined && body !== null) return bodyInput({ body });
  const input = query as RestInput;
  if (Object.keys(input).length === 0) throw emptyInput();
  return input;
}

/** The query string; one that is empty is left to the route, which knows what it misses. */
export function queryInput({ query }: Pick<FastifyRequest, 'query'>): RestInput {
  return query as RestInput;
}
