import { DeviceEventBody } from '@capgo-server/protocol/device/device-events';
import { UpdateCheckBody } from '@capgo-server/protocol/device/update-check';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { FastifyInstance } from 'fastify';
import type { TSchema } from 'typebox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { downloadPath } from './device-api/downloads.ts';
import { defaultOrganizationId } from './domain/organization.ts';
import { openApiPath } from './http/openapi.ts';
import { exampleOf, type JsonSchema } from './http/schema-example.ts';
import { createSchemaReader, type Operation, operationsOf } from './testing/answers-as-documented.ts';
import { buildDelivery, buildWebhook, someAuthor } from './testing/builders.ts';
import { routesOf } from './testing/routes-of.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from './testing/test-server.ts';

type Json = Record<string, unknown>;

const server: TestServer = await startTestServer();
afterAll(() => server.close());

const documents = server.product.documents.map(({ file, read }) => ({ file, document: read() }));
const operations = documents.flatMap(({ file, document }) =>
  operationsOf(document).map((operation) => ({
    ...{ file, document, operation },
    name: `${file}: ${operation.method} ${operation.path}`,
  })),
);

/** Whether a schema's example is made of those of its parts. */
function isComposed(schema: JsonSchema): boolean {
  if ('$ref' in schema || ['object', 'array', 'null'].includes(schema.type ?? '')) return true;
  return (schema.anyOf ?? []).length > 0 && (schema.anyOf ?? []).every(isComposed);
}

/** What is wrong with how a schema describes itself, anywhere in it. */
function* faultsOf(schema: JsonSchema, where: string, isField: boolean): Generator<string> {
  if ('$ref' in schema) return;
  const parts = (schema.anyOf ?? []).filter(({ type }) => type !== 'null');
  if (isField && !schema.description) yield `${where} has no description`;
  const hasExample = schema.examples !== undefined || 'const' in schema;
  if (!hasExample && !isComposed(schema)) yield `${where} has no example`;
  if (schema.type === 'object' && !schema.properties && schema.examples === undefined) {
    yield `${where} has no example`;
  }
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    yield* faultsOf(property, `${where}.${name}`, true);
  }
  if (schema.items && !schema.examples) yield* faultsOf(schema.items, `${where}[]`, false);
  for (const [index, part] of parts.entries()) {
    if (!schema.examples) yield* faultsOf(part, `${where}|${index}`, false);
    else
      for (const [name, property] of Object.entries(part.properties ?? {}))
        yield* faultsOf(property, `${where}.${name}`, true);
  }
}

/** All schemas of an operation, each with where it stands and whether it describes something by itself. */
function schemasOf({ operation }: Operation): [where: string, schema: JsonSchema][] {
  const parameters = (operation['parameters'] ?? []) as { name: string; description: string; schema: Json }[];
  const bodies = [operation['requestBody'], ...Object.values(operation['responses'] as Json)] as (
    | { content?: Record<string, { schema: JsonSchema }> }
    | undefined
  )[];
  return [
    ...parameters.map(({ name, description, schema }): [string, JsonSchema] => [
      `parameter ${name}`,
      { ...schema, description },
    ]),
    ...bodies.flatMap((body) =>
      Object.values(body?.content ?? {}).map(({ schema }): [string, JsonSchema] => ['body', schema]),
    ),
  ];
}

describe.each(documents)('the document $file', ({ document }) => {
  const compile = createSchemaReader(document);

  it('is an OpenAPI 3.1 document', async () => {
    const result = await new Validator().validate(structuredClone(document) as Json);
    expect(result).toMatchObject({ valid: true });
  });

  it('describes each of its schemas with examples that are valid', () => {
    const components =
      (document['components'] as Record<string, Record<string, JsonSchema>>)['schemas'] ?? {};
    for (const [title, schema] of Object.entries(components)) {
      expect([...faultsOf(schema, title, true)]).toEqual([]);
      const isValid = compile(schema);
      expect([title, isValid(exampleWith(schema, components)), isValid.errors]).toEqual([title, true, null]);
    }
  });

  it('has no operationId twice, and says of each tag what it is', () => {
    const ids = operationsOf(document).map(({ operation }) => operation['operationId']);
    expect(ids).toEqual([...new Set(ids)]);
    for (const tag of document['tags'] as Json[]) {
      expect(tag).toEqual({ name: expect.any(String), description: expect.any(String) });
    }
  });
});

/** The example of a schema that may refer to components. */
function exampleWith(schema: JsonSchema, components: Readonly<Record<string, JsonSchema>>): unknown {
  const resolve = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolve);
    if (typeof value !== 'object' || value === null) return value;
    const { $ref } = value as { $ref?: string };
    if ($ref !== undefined) return resolve(components[$ref.slice('#/components/schemas/'.length)]);
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, resolve(part)]));
  };
  return exampleOf(resolve(schema) as JsonSchema);
}

describe.each(operations)('$name', ({ document, operation: each }) => {
  const { operation } = each;
  const compile = createSchemaReader(document);
  const components = (document['components'] as Record<string, Record<string, JsonSchema>>)['schemas'] ?? {};

  it('has an operationId, a tag, a summary of one line and an answer', () => {
    expect(operation).toMatchObject({
      operationId: expect.stringMatching(/^[a-z][A-Za-z0-9]+$/),
      tags: [expect.any(String)],
      summary: expect.stringMatching(/^.{3,100}$/),
      responses: expect.any(Object),
    });
    const [answer] = Object.values(operation['responses'] as Record<string, Json>);
    expect(answer?.['description']).toEqual(expect.any(String));
    if (each.method !== 'HEAD') expect(answer?.['content']).toBeDefined();
  });

  it('describes each field, with examples that are valid', () => {
    for (const [where, schema] of schemasOf(each)) {
      expect([...faultsOf(schema, where, true)]).toEqual([]);
      const example = exampleWith(schema, components);
      const isValid = compile(schema as Json);
      expect([where, isValid(example), isValid.errors]).toEqual([where, true, null]);
      for (const given of schema.examples ?? []) expect([given, isValid(given)]).toEqual([given, true]);
    }
  });
});

const undocumented = [/^\/docs/, /^\/openapi(-rest|-device)?\.json$/, /^\/ui(\/.*)?$/, /^\/\*$/];

/** Every route that ought to be documented; GET answers HEAD too, without a word about it. */
async function routesToDocument(api: FastifyInstance): Promise<string[]> {
  const routes = await routesOf(api);
  return routes
    .filter(
      ({ method, url }) =>
        !['HEAD', 'OPTIONS'].includes(method) && !undocumented.some((path) => path.test(url)),
    )
    .map(({ method, url }) => `${method} ${openApiPath(url.replace(/(?<=.)\/$/, ''))}`);
}

describe('the documents together', () => {
  const documented = (files: readonly string[]) =>
    operations
      .filter(({ file, operation }) => files.includes(file) && operation.method !== 'HEAD')
      .map(({ operation }) => `${operation.method} ${operation.path}`)
      // The framework does not print what stands before a wildcard.
      .filter((route) => !route.endsWith('{key}'));

  it('name every route of the management port', async () => {
    expect(documented(['openapi.json', 'openapi-rest.json']).toSorted()).toEqual(
      (await routesToDocument(server.product.managementApi)).toSorted(),
    );
  });

  it('name every route of the device port', async () => {
    const all = await routesToDocument(server.product.deviceApi);
    const routes = all.map((route) => route.replace(' /plugin/', ' /'));
    expect(documented(['openapi-device.json']).toSorted()).toEqual([...new Set(routes)].toSorted());
    expect(server.product.deviceApi.hasRoute({ method: 'GET', url: `${downloadPath}/*` })).toBe(true);
  });
});

/** What a route is asked for when that is not what its required parameters show as examples. */
const parameters: Record<string, Readonly<Record<string, string>>> = {};

describe('real answers', () => {
  const headers = { 'x-api-key': testToken };
  const appId = 'com.example.app';

  const requestOf = (schema: TSchema) => exampleOf(schema as JsonSchema) as Json;

  async function post(path: string, body: Json): Promise<Json> {
    const response = await fetch(path, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answer = await response.text();
    if (response.status !== 200) throw new Error(`${path} answered ${response.status} ${answer}`);
    return JSON.parse(answer) as Json;
  }

  beforeAll(async () => {
    const upload = async (version_name: string) => {
      const form = bundleForm({ app_id: appId, version_name });
      const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
        ...{ method: 'POST', headers, body: form },
      });
      return ((await response.json()) as { bundle: { id: string; public_download_url: string } }).bundle;
    };
    const builtin = await upload('1.0.0');
    const update = await upload('1.0.1');
    const created = await post(`${server.managementUrl}/api/v1/releases.create`, {
      ...{ platform: 'android', app_id: appId, version_name: '1.0.0', version_code: '42' },
      builtin_bundle_id: builtin.id,
    });
    await post(`${server.managementUrl}/api/v1/releases.set-active`, {
      release_id: (created['release'] as Json)['id'],
      bundle_id: update.id,
    });
    await post(`${server.managementUrl}/channel`, { app_id: appId, channel: 'production', version: '1.0.1' });
    const device = requestOf(UpdateCheckBody);
    await post(`${server.userUrl}/updates`, device);
    await post(`${server.userUrl}/stats`, requestOf(DeviceEventBody));
    const key = await post(`${server.managementUrl}/apikey`, { name: 'documented', role: 'read' });
    parameters['getApiKey'] = { id: String(key['id']) };
    const webhook = buildWebhook({ organizationId: defaultOrganizationId, isEnabled: false });
    const { id: webhookId } = webhook;
    await server.product.store.insertWebhook(webhook, someAuthor);
    await server.product.store.insertDelivery(buildDelivery({ webhookId }));
    parameters['listDeliveries'] = { orgId: defaultOrganizationId, webhookId };
    // What is answered may be made in the background.
    for (const job of server.product.jobs) await job.run();
    parameters['bundlesManifest'] = { bundle_id: builtin.id };
    parameters['bundlesDiff'] = { from: builtin.id, to: update.id };
    parameters['download'] = { key: update.public_download_url.split('/attachments/')[1] ?? '' };
  }, 60_000);

  const reads = operations.filter(({ operation }) => operation.method === 'GET');
  it.each(reads)('of $name are as documented', async ({ file, operation: { operation, path } }) => {
    const given = parameters[operation['operationId'] as string] ?? {};
    const wanted = (operation['parameters'] ?? []) as (Json & { name: string; schema: JsonSchema })[];
    const query = new URLSearchParams();
    let url = path;
    for (const { name, schema, required, ...rest } of wanted) {
      const value = given[name] ?? (required ? String(exampleOf(schema)) : undefined);
      if (value === undefined) continue;
      if (rest['in'] === 'path') url = url.replace(`{${name}}`, value);
      else query.set(name, value);
    }
    const base = file === 'openapi-device.json' ? server.userUrl : server.managementUrl;
    const response = await fetch(`${base}${url}${query.size === 0 ? '' : `?${query}`}`, { headers });
    const [status] = Object.keys(operation['responses'] as Json);
    expect([response.status, await response.text()]).toEqual([Number(status), expect.any(String)]);
  });
});
