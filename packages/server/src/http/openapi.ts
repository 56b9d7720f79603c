import type { TSchema } from 'typebox';
import type { DocumentedRoute, RouteDocs } from './route-docs.ts';
import { exampleOf, type JsonSchema } from './schema-example.ts';

/** An error as a document shows it. */
export interface ErrorDocs {
  readonly code: string;
  readonly status: number;
}

/** What one API's document says beside its routes. */
export interface ApiDocs<Route extends DocumentedRoute> {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: readonly object[];
  readonly tags: Readonly<Record<string, string>>;
  readonly securitySchemes: Readonly<Record<string, object>>;
  /** The body of every error. */
  readonly errorSchema: TSchema;
  errorsOf(route: Route): readonly ErrorDocs[];
  errorExample(code: string): object;
  isPublic(route: Route): boolean;
  /** What it says below the route's own description. */
  footnoteOf(route: Route): string | undefined;
}

export type OpenApiDocument = Readonly<Record<string, unknown>>;

type Json = Record<string, unknown>;

const schemaLists = ['anyOf', 'allOf', 'oneOf', 'prefixItems'];
const schemaMaps = ['properties', 'patternProperties'];
const singleSchemas = ['items', 'additionalProperties', 'propertyNames', 'not'];

/** Moves every schema with a title to the components of the document, so that it stands there once. */
function createComponents() {
  const schemas: Record<string, Json> = {};

  function part(value: unknown): unknown {
    return typeof value === 'object' && value !== null ? place(value as Json) : value;
  }

  function inside(schema: Json): Json {
    return Object.fromEntries(
      Object.entries(schema).map(([keyword, value]) => {
        if (schemaLists.includes(keyword)) return [keyword, (value as unknown[]).map(part)];
        if (singleSchemas.includes(keyword)) return [keyword, part(value)];
        if (!schemaMaps.includes(keyword)) return [keyword, value];
        const parts = Object.entries(value as Json).map(([name, each]) => [name, part(each)]);
        return [keyword, Object.fromEntries(parts)];
      }),
    );
  }

  function place(schema: Json): Json {
    const placed = inside(schema);
    const { title } = schema;
    if (typeof title !== 'string') return placed;
    const known = schemas[title];
    if (known && JSON.stringify(known) !== JSON.stringify(placed)) {
      throw new Error(`Two different schemas have the title ${title}`);
    }
    schemas[title] = placed;
    return { $ref: `#/components/schemas/${title}` };
  }

  return {
    schemas,
    /** The schema as plain JSON: what the schema library hangs on it does not show. */
    place: (schema: TSchema) => place(JSON.parse(JSON.stringify(schema)) as Json),
  };
}

type Components = ReturnType<typeof createComponents>;

/** `/app/:id` and `/files/*` as OpenAPI writes them. */
export function openApiPath(url: string): string {
  return url.replaceAll(/:(\w+)/g, '{$1}').replace(/\*$/, '{key}');
}

function parameters(place: 'query' | 'path', schema: TSchema | undefined): Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = JSON.parse(JSON.stringify(schema)) as JsonSchema;
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property;
    return {
      name,
      in: place,
      description,
      required: place === 'path' || required.includes(name),
      schema: rest,
    };
  });
}

function content(components: Components, schema: TSchema, mediaType = 'application/json'): Json {
  const example = exampleOf(schema as JsonSchema);
  return { [mediaType]: { schema: components.place(schema), ...(example === undefined ? {} : { example }) } };
}

function answerContent(components: Components, docs: RouteDocs): Json {
  const { answer, hostedAnswer, answerType } = docs;
  if (!answer) return {};
  const whole = content(components, answer, answerType);
  if (!hostedAnswer) return { content: whole };
  const schema = {
    anyOf: [components.place(answer), components.place(hostedAnswer)],
    description: 'The first without, the second with the header `capgo_api`',
  };
  const examples = {
    documented: { summary: 'Without the header capgo_api', value: exampleOf(answer as JsonSchema) },
    hosted: { summary: 'With the header capgo_api', value: exampleOf(hostedAnswer as JsonSchema) },
  };
  return { content: { [answerType ?? 'application/json']: { schema, examples } } };
}

function responses<Route extends DocumentedRoute>(
  route: Route,
  api: ApiDocs<Route>,
  components: Components,
): Json {
  const { docs } = route;
  const answered = docs.answer as JsonSchema | null;
  const all: Json = {
    [docs.answerStatus ?? 200]: {
      description: answered?.description ?? docs.summary,
      ...answerContent(components, docs),
    },
  };
  for (const [status, description] of Object.entries(docs.otherAnswers ?? {})) all[status] = { description };
  const byStatus = Map.groupBy(api.errorsOf(route), ({ status }) => status);
  const errorContent = components.place(api.errorSchema);
  for (const [status, errors] of [...byStatus].toSorted(([one], [other]) => one - other)) {
    const codes = [...new Set(errors.map(({ code }) => code))];
    all[status] = {
      description: codes.map((code) => `\`${code}\``).join(', '),
      content: {
        'application/json': {
          schema: errorContent,
          examples: Object.fromEntries(codes.map((code) => [code, { value: api.errorExample(code) }])),
        },
      },
    };
  }
  return all;
}

function operation<Route extends DocumentedRoute>(
  route: Route,
  api: ApiDocs<Route>,
  components: Components,
): Json {
  const { docs } = route;
  const description = [docs.description, api.footnoteOf(route)].filter(Boolean).join('\n\n');
  const all = [...parameters('path', docs.params), ...parameters('query', docs.query)];
  return {
    operationId: docs.operationId,
    tags: [docs.tag],
    summary: docs.summary,
    ...(description === '' ? {} : { description }),
    ...(api.isPublic(route) ? { security: [] } : {}),
    ...(all.length === 0 ? {} : { parameters: all }),
    ...(docs.body
      ? {
          requestBody: {
            required: !docs.isBodyOptional,
            content: content(components, docs.body, docs.bodyType),
          },
        }
      : {}),
    responses: responses(route, api, components),
  };
}

/** The OpenAPI 3.1 document of an API. Throws when its routes contradict each other. */
export function buildOpenApi<Route extends DocumentedRoute>(
  routes: readonly Route[],
  api: ApiDocs<Route>,
): OpenApiDocument {
  const components = createComponents();
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = openApiPath(route.url);
    const methods = paths[path] ?? {};
    paths[path] = methods;
    const method = route.method.toLowerCase();
    if (method in methods) throw new Error(`${route.method} ${route.url} is documented twice`);
    methods[method] = operation(route, api, components);
  }
  const used = new Set(routes.map(({ docs }) => docs.tag));
  const { securitySchemes } = api;
  return {
    openapi: '3.1.0',
    info: { ...api.info, license: { name: 'MIT', identifier: 'MIT' } },
    servers: api.servers,
    security: Object.keys(securitySchemes).map((name) => ({ [name]: [] })),
    tags: [...used].map((name) => {
      const description = api.tags[name];
      return { name, ...(description === undefined ? {} : { description }) };
    }),
    paths,
    components: {
      securitySchemes,
      schemas: Object.fromEntries(
        Object.entries(components.schemas).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      ),
    },
  };
}
