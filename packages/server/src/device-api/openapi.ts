import {
  ChannelGetAnswer,
  ChannelListAnswer,
  ChannelListQuery,
  ChannelSelfBody,
  ChannelSetAnswer,
} from '@capgo-server/protocol/device/channel-self';
import { DeviceEventsAnswer, DeviceEventsBody } from '@capgo-server/protocol/device/device-events';
import { ManifestSizeAnswer, ManifestSizeBody } from '@capgo-server/protocol/device/manifest-size';
import { UpdateCheckAnswer, UpdateCheckBody } from '@capgo-server/protocol/device/update-check';
import type { ErrorCode } from '@capgo-server/protocol/formats/error-codes';
import { Type } from 'typebox';
import { AppError } from '../domain/errors.ts';
import { healthRouteDocs } from '../http/health.ts';
import { buildOpenApi, type OpenApiDocument } from '../http/openapi.ts';
import type { DocumentedRoute } from '../http/route-docs.ts';
import { downloadPath } from './downloads.ts';
import { renderDeviceError } from './render-error.ts';

const Alive = Type.Object(
  { status: Type.Literal('ok', { description: 'All is well' }) },
  { title: 'Alive', description: 'It works' },
);

const ErrorBody = Type.Object(
  {
    error: Type.String({ description: 'A code for programs', examples: ['invalid_json_body'] }),
    message: Type.String({ description: 'A sentence for people', examples: ['Cannot parse body'] }),
    moreInfo: Type.Optional(
      Type.Record(Type.String(), Type.Unknown({ description: 'A fact', examples: [12] }), {
        description: 'Facts about the error',
        examples: [{ retryAfterSeconds: 12 }],
      }),
    ),
  },
  { title: 'Error', description: 'A refusal of the request as such' },
);

const badBody = [
  ...['invalid_json_parse_body', 'invalid_json_body', 'missing_device_id', 'missing_app_id', 'semver_error'],
] as ErrorCode[];
const badQuery = [
  ...['invalid_query_parameters', 'missing_device_id', 'missing_app_id', 'semver_error'],
] as ErrorCode[];

const fileAnswer = Type.String({
  format: 'binary',
  description: 'The bytes of the file',
  examples: ['PK\u0003\u0004'],
});

/** Every URL a device can ask, except its twin below `/plugin`. */
export const deviceRouteDocs: readonly DocumentedRoute[] = [
  {
    ...{ method: 'POST', url: '/updates' },
    docs: {
      ...{ operationId: 'checkForUpdate', tag: 'updates', summary: 'Ask for an update' },
      description:
        'The key `error` tells an answer without an update, `kind` how to take it. Answered from memory, whatever becomes of the database.',
      ...{ body: UpdateCheckBody, answer: UpdateCheckAnswer },
      errors: [...badBody, 'payload_too_large', 'unsupported_media_type', 'too_many_requests'],
    },
  },
  {
    ...{ method: 'GET', url: '/updates' },
    docs: {
      ...{ operationId: 'updatesAlive', tag: 'updates', summary: 'Whether updates can be asked for' },
      answer: Alive,
    },
  },
  {
    ...{ method: 'POST', url: '/updates/manifest_size' },
    docs: {
      ...{ operationId: 'sizeOfFiles', tag: 'updates', summary: 'How many bytes some files have' },
      ...{ body: ManifestSizeBody, answer: ManifestSizeAnswer },
      errors: [...badBody, 'payload_too_large', 'unsupported_media_type'],
    },
  },
  {
    ...{ method: 'POST', url: '/stats' },
    docs: {
      ...{ operationId: 'reportEvents', tag: 'events', summary: 'Report one event or a batch' },
      description: 'Answered when the events are on disk. An event that is told again is kept once.',
      ...{ body: DeviceEventsBody, answer: DeviceEventsAnswer },
      errors: [...badBody, 'invalid_app_id', 'payload_too_large', 'unsupported_media_type', 'unavailable'],
    },
  },
  {
    ...{ method: 'GET', url: '/stats' },
    docs: {
      ...{ operationId: 'statsAlive', tag: 'events', summary: 'Whether events can be reported' },
      answer: Alive,
    },
  },
  {
    ...{ method: 'POST', url: '/channel_self' },
    docs: {
      ...{ operationId: 'chooseChannel', tag: 'channels', summary: 'Choose a channel' },
      ...{ body: ChannelSelfBody, answer: ChannelSetAnswer },
      errors: [...badBody, 'payload_too_large', 'unsupported_media_type', 'too_many_requests', 'unavailable'],
    },
  },
  {
    ...{ method: 'PUT', url: '/channel_self' },
    docs: {
      ...{ operationId: 'readChannel', tag: 'channels', summary: 'Read the channel that serves the device' },
      ...{ body: ChannelSelfBody, answer: ChannelGetAnswer },
      errors: [...badBody, 'payload_too_large', 'unsupported_media_type', 'too_many_requests'],
    },
  },
  {
    ...{ method: 'DELETE', url: '/channel_self' },
    docs: {
      ...{ operationId: 'leaveChannel', tag: 'channels', summary: 'Go back to the channel for everybody' },
      ...{ query: ChannelSelfBody, answer: ChannelSetAnswer },
      errors: [...badQuery, 'too_many_requests', 'unavailable'],
    },
  },
  {
    ...{ method: 'GET', url: '/channel_self' },
    docs: {
      ...{ operationId: 'listChannels', tag: 'channels', summary: 'Channels a device may choose' },
      ...{ query: ChannelListQuery, answer: ChannelListAnswer },
      errors: [...badQuery, 'too_many_requests'],
    },
  },
  {
    ...{ method: 'GET', url: `${downloadPath}/*` },
    docs: {
      ...{ operationId: 'download', tag: 'downloads', summary: 'Download a file' },
      description: 'Resumable by `Range`; the bytes under a URL never change.',
      params: Type.Object({
        key: Type.String({
          description: 'Where the file lies, slashes included, as the answer of an update check names it',
          examples: ['apps/com.example.app/bundles/1.0.1.zip'],
        }),
      }),
      ...{ answer: fileAnswer, answerType: 'application/octet-stream' },
      otherAnswers: {
        206: 'The part that `Range` asks for',
        302: 'The file is elsewhere',
        304: 'It is what `If-None-Match` names',
        416: 'The file has no such part',
      },
      errors: ['not_found', 'invalid_file_path_encoding', 'unavailable'],
    },
  },
  {
    ...{ method: 'HEAD', url: `${downloadPath}/*` },
    docs: {
      ...{ operationId: 'downloadFacts', tag: 'downloads', summary: 'What is to be known of a file' },
      params: Type.Object({
        key: Type.String({
          description: 'Where the file lies, slashes included',
          examples: ['apps/com.example.app/bundles/1.0.1.zip'],
        }),
      }),
      ...{ answer: null, otherAnswers: { 302: 'The file is elsewhere' } },
    },
  },
  {
    ...{ method: 'POST', url: '/ok' },
    docs: {
      ...{ operationId: 'ok', tag: 'health', summary: 'Whether the process is up, as plugins ask' },
      answer: Alive,
    },
  },
  {
    ...{ method: 'POST', url: '/ko' },
    docs: {
      ...{ operationId: 'ko', tag: 'health', summary: 'An answer with status 500, to try error handling' },
      answer: Type.Object(
        {
          error: Type.Literal('unknown_error', { description: 'A code for programs' }),
          message: Type.Literal('KO', { description: 'A sentence for people' }),
          moreInfo: Type.Object({}, { description: 'Nothing' }),
        },
        { description: 'An error, as asked for' },
      ),
      answerStatus: 500,
    },
  },
  ...healthRouteDocs,
];

const sentences: Partial<Record<string, string>> = {
  too_many_requests: 'Too many requests',
  invalid_json_parse_body: 'Invalid JSON body',
  invalid_json_body: 'Cannot parse body',
  missing_device_id: 'Missing device_id',
  missing_app_id: 'Missing app_id',
  invalid_app_id: 'App ID must be a reverse domain string',
};

function rendered(code: ErrorCode) {
  const text = sentences[code] ?? code.replaceAll('_', ' ').replace(/^./, (first) => first.toUpperCase());
  return renderDeviceError(new AppError(code, text), { id: '3f2a9c01-1k', url: '/' });
}

/** The document of the device API. */
export function describeDeviceRoutes(): OpenApiDocument {
  return buildOpenApi(deviceRouteDocs, {
    info: {
      title: 'capgo-server device API',
      version: '1',
      description:
        'What the plugin `@capgo/capacitor-updater` asks. Every URL is also there below `/plugin`. Nothing here needs a key.',
    },
    servers: [
      {
        url: '{origin}',
        description: 'The device port, or PUBLIC_URL',
        variables: {
          origin: { default: 'http://localhost:8000', description: 'Where devices reach the server' },
        },
      },
    ],
    tags: {
      updates: 'Which bundle a device is to run',
      events: 'What devices report',
      channels: 'The channel of a device',
      downloads: 'Files of bundles',
      health: 'Whether the server works',
    },
    securitySchemes: {},
    errorSchema: ErrorBody,
    errorsOf: ({ docs }) =>
      (docs.errors ?? []).map((error) => {
        return typeof error === 'string' ? { code: error, status: rendered(error).status } : error;
      }),
    errorExample: (code) => rendered(code as ErrorCode).body,
    isPublic: () => true,
    footnoteOf: () => undefined,
  });
}
