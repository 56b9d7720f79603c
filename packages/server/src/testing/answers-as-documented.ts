import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type OpenApiDocument, openApiPath } from '../http/openapi.ts';
import type { ServedDocument } from '../management-api/docs-page.ts';

type Json = Record<string, unknown>;

/** An operation of a document, with the paths and components it stands among. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operation: Json;
}

export function operationsOf(document: OpenApiDocument): Operation[] {
  return Object.entries(document['paths'] as Record<string, Record<string, Json>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
  );
}

/** The schema of an operation's answers with a status, if they are JSON. */
export function answerSchemaOf({ operation }: Operation, status: number): Json | undefined {
  const responses = operation['responses'] as Record<string, Json>;
  const content = responses[String(status)]?.['content'] as Record<string, Json> | undefined;
  return content?.['application/json']?.['schema'] as Json | undefined;
}

/** Objects have no properties but those that are documented, unless their schema speaks of others. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(Object.entries(value).map(([key, part]) => [key, closed(part)])) as Json;
  const isOpen = 'additionalProperties' in schema || 'patternProperties' in schema;
  return schema['type'] === 'object' && 'properties' in schema && !isOpen
    ? { ...schema, additionalProperties: false }
    : schema;
}

export function createSchemaReader(document: OpenApiDocument) {
  const ajv = new Ajv2020({
    strict: false,
    formats: {
      'date-time': (text: string) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/.test(text),
      binary: true,
      semver: true,
    },
  });
  ajv.addSchema({ $id: 'document', components: closed(document['components']) as Json });
  return (schema: Json): ValidateFunction =>
    ajv.compile(
      JSON.parse(JSON.stringify(closed(schema)).replaceAll('"#/components/', '"document#/components/')),
    );
}

/**
 * Makes a server check each of its JSON answers against its document; one that differs becomes a failure that says how. So
 * every test of a route is also a test of its documentation.
 */
export function answerAsDocumented(
  server: FastifyInstance,
  documents: () => readonly ServedDocument[],
): void {
  let validators: ReadonlyMap<string, (status: number) => ValidateFunction | undefined> | undefined;

  function prepare() {
    const all = new Map<string, (status: number) => ValidateFunction | undefined>();
    for (const { read } of documents()) {
      const document = read();
      const compile = createSchemaReader(document);
      for (const operation of operationsOf(document)) {
        const known = new Map<number, ValidateFunction | undefined>();
        all.set(`${operation.method} ${operation.path}`, (status) => {
          if (!known.has(status)) {
            const schema = answerSchemaOf(operation, status);
            known.set(status, schema && compile(schema));
          }
          return known.get(status);
        });
      }
    }
    return all;
  }

  function faultOf(request: FastifyRequest, status: number, payload: unknown): string | undefined {
    const { method, url } = request.routeOptions;
    if (url === undefined || typeof payload !== 'string' || payload === '') return undefined;
    validators ??= prepare();
    const path = openApiPath(url).replace(/^\/plugin(?=\/)/, '');
    const isValid = validators.get(`${method} ${path}`)?.(status);
    if (!isValid || isValid(JSON.parse(payload))) return undefined;
    return `${method} ${url} answered ${status} not as documented: ${JSON.stringify(isValid.errors)} ${payload}`;
  }

  server.addHook('onSend', async (request, reply, payload) => {
    const isJson = String(reply.getHeader('content-type') ?? '').startsWith('application/json');
    const fault = isJson ? faultOf(request, reply.statusCode, payload) : undefined;
    if (fault === undefined) return payload;
    reply.code(500).removeHeader('content-length');
    return JSON.stringify({ undocumented: fault });
  });
}
