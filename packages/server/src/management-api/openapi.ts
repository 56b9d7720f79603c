import { type ErrorCode, errorCodes } from '@capgo-server/protocol/formats/error-codes';
import { Type } from 'typebox';
import { leastRole } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import { healthRouteDocs } from '../http/health.ts';
import { type ApiDocs, buildOpenApi, type ErrorDocs, type OpenApiDocument } from '../http/openapi.ts';
import type { DocumentedRoute } from '../http/route-docs.ts';
import { renderManagementError } from './render-error.ts';
import { RestError } from './rest/rest-error.ts';
import { isRestPath } from './rest/rest-path.ts';
import type { ManagementRoute } from './route.ts';

type DescribedRoute = DocumentedRoute & Pick<ManagementRoute, 'permission'>;

const publicRoutes = healthRouteDocs.map((route) => ({ ...route, permission: 'public' }) as const);

const tags: Readonly<Record<string, string>> = {
  apps: 'Mobile applications and what is decided for them as a whole',
  bundles: 'Immutable uploaded sets of web files',
  channels: 'Named lines of delivery with their rules and rollouts',
  releases: 'Published native builds and the bundle their devices run',
  devices: 'Installations of apps, and what they report',
  statistics: 'What was counted',
  organization: 'Who runs this server',
  members: 'People of the organization',
  webhooks: 'Who is told of changes',
  audit: 'Who changed what, and when',
  keys: 'Stored credentials and what each may do',
  'sign-in': 'How people sign in',
  server: 'What runs here, and whether phones and the server reach what they need',
  health: 'Whether the server works',
};

const securitySchemes = {
  apiKey: {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
    description: 'An API key or a management token',
  },
  capgkey: {
    type: 'apiKey',
    in: 'header',
    name: 'capgkey',
    description: 'The same, as the official CLI sends it',
  },
  bearer: { type: 'http', scheme: 'bearer', description: 'The same, or the token of a signed-in person' },
};

const OwnError = Type.Object(
  {
    error: Type.String({ description: 'A sentence for people', examples: ['app_id is required'] }),
    code: Type.Enum([...errorCodes], { description: 'What programs act on', examples: ['invalid_request'] }),
    details: Type.Optional(
      Type.Record(Type.String(), Type.Unknown({ description: 'A fact', examples: [['1.0.1']] }), {
        description: 'Facts about the error, where there are any',
        examples: [{ retryAfterSeconds: 12 }],
      }),
    ),
    request_id: Type.Optional(
      Type.String({
        description: 'Of an internal error: what the log knows it by',
        examples: ['3f2a9c01-1k'],
      }),
    ),
  },
  { title: 'Error', description: 'A refusal' },
);

const RestErrorSchema = Type.Union(
  [
    Type.Object(
      {
        error: Type.String({ description: 'A sentence for people', examples: ['Bundle not found'] }),
        status: Type.Literal('KO', { description: 'It is an error' }),
        code: Type.String({ description: 'What programs act on', examples: ['cannot_find_version'] }),
        details: Type.Optional(
          Type.Record(Type.String(), Type.Unknown({ description: 'A fact', examples: ['1.0.1'] }), {
            description: 'Facts about the error, where there are any',
            examples: [{ field: 'name' }],
          }),
        ),
        request_id: Type.Optional(
          Type.String({
            description: 'Of an internal error: what the log knows it by',
            examples: ['3f2a9c01-1k'],
          }),
        ),
      },
      { title: 'DocumentedError', description: 'Without the header `capgo_api`' },
    ),
    Type.Object(
      {
        error: Type.String({ description: 'What programs act on', examples: ['cannot_find_version'] }),
        message: Type.String({ description: 'A sentence for people', examples: ['Bundle not found'] }),
        moreInfo: Type.Optional(
          Type.Record(Type.String(), Type.Unknown({ description: 'A fact', examples: ['1.0.1'] }), {
            description: 'Facts about the error',
            examples: [{ field: 'name' }],
          }),
        ),
      },
      { title: 'HostedError', description: 'With the header `capgo_api`' },
    ),
  ],
  { description: 'A refusal' },
);

/** Sentences of the errors that any route can answer; those of others are in their routes' words. */
const sentences: Partial<Record<ErrorCode, string>> = {
  unauthorized: 'Send a key as x-api-key or as Authorization: Bearer',
  forbidden: 'The role of the key is too small',
  too_many_requests: 'Too many failed attempts',
  invalid_request: 'app_id is required',
  invalid_json_parse_body: 'Invalid JSON body',
  payload_too_large: 'The request body is too large',
  unavailable: 'The database does not answer',
  internal: 'Internal error',
};

function isErrorCode(code: string): code is ErrorCode {
  return errorCodes.some((known) => known === code);
}

/** Codes that a route can answer without saying so. */
function commonCodes({ permission, docs }: DescribedRoute): readonly ErrorCode[] {
  if (permission === 'public') return [];
  return [
    ...(docs.query || docs.params || docs.body ? (['invalid_request'] as const) : []),
    ...(docs.body && !docs.bodyType ? (['invalid_json_parse_body'] as const) : []),
    ...(docs.body ? (['payload_too_large'] as const) : []),
    'unauthorized',
    ...(permission === 'any caller' ? [] : (['forbidden'] as const)),
    'too_many_requests',
    'internal',
    'unavailable',
  ];
}

/** An error as its API really renders it: the documentation cannot say another status or shape than the server. */
function rendered(code: string, status: number, url: string) {
  const message = isErrorCode(code) ? sentences[code] : undefined;
  const text = message ?? code.replaceAll('_', ' ').replace(/^./, (first) => first.toUpperCase());
  const error = isErrorCode(code) ? new AppError(code, text) : new RestError(code, text, { status });
  return renderManagementError(error, { id: '3f2a9c01-1k', url });
}

function apiDocs(
  facts: Pick<ApiDocs<DescribedRoute>, 'info' | 'errorSchema'>,
  anyUrl: string,
): ApiDocs<DescribedRoute> {
  return {
    ...facts,
    // Relative to the document, so that it holds behind a path prefix too.
    servers: [{ url: '.', description: 'The management port, wherever it is reached' }],
    tags,
    securitySchemes,
    errorsOf(route) {
      const own = (route.docs.errors ?? []).map((error): ErrorDocs => {
        if (typeof error !== 'string') return error;
        return { code: error, status: rendered(error, 400, anyUrl).status };
      });
      const common = commonCodes(route).map((code) => ({ code, status: rendered(code, 400, anyUrl).status }));
      return [...own, ...common];
    },
    errorExample: (code) => rendered(code, 400, anyUrl).body,
    isPublic: ({ permission }) => permission === 'public',
    footnoteOf({ permission }) {
      if (permission === 'public') return 'Needs no key.';
      if (permission === 'any caller') return 'Needs a key, whatever its role.';
      return `Needs the permission \`${permission}\`: role \`${leastRole(permission)}\` or more.`;
    },
  };
}

/** The documents of the two APIs of the management port. */
export interface ManagementDocuments {
  readonly management: OpenApiDocument;
  readonly rest: OpenApiDocument;
}

export function describeManagementRoutes(routes: readonly ManagementRoute[]): ManagementDocuments {
  const isRest = ({ url }: DescribedRoute) => isRestPath(url);
  const own = apiDocs(
    {
      info: {
        title: 'capgo-server management API',
        version: '1',
        description: 'What operators and their console do. Names are `<noun>.<verb>`; lists come in pages.',
      },
      errorSchema: OwnError,
    },
    '/api/v1/apps.list',
  );
  const rest = apiDocs(
    {
      info: {
        title: 'capgo-server REST API',
        version: '1',
        description:
          'The REST API that Capgo documents, on the management port, also below `/functions/v1`. Who sends the header `capgo_api`, as the official CLI does, gets the shapes of the hosted service; everybody else those of its documentation.',
      },
      errorSchema: RestErrorSchema,
    },
    '/app',
  );
  return {
    management: buildOpenApi([...routes.filter((route) => !isRest(route)), ...publicRoutes], own),
    rest: buildOpenApi(routes.filter(isRest), rest),
  };
}
