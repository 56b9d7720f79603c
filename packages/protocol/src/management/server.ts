import { type Static, Type } from 'typebox';

const nullable = (description: string, example: string) =>
  Type.Union([Type.String(), Type.Null()], { description, examples: [example] });

const DependencyView = Type.Object(
  {
    name: Type.String({ description: 'What the server needs', examples: ['database'] }),
    reachable: Type.Boolean({ description: 'Whether it answered just now', examples: [true] }),
  },
  {
    description: 'Something the server cannot do its work without',
    examples: [{ name: 'database', reachable: true }],
  },
);

/** The answer of `server.get`. */
export const ServerView = Type.Object(
  {
    version: Type.String({ description: 'Version of capgo-server', examples: ['1.0.0'] }),
    runtime: Type.String({ description: 'What it runs on', examples: ['Node.js 24.21.0'] }),
    database: Type.String({ description: 'sqlite, postgres or mongodb', examples: ['sqlite'] }),
    storage: Type.String({ description: 'Where bundles lie: files or s3', examples: ['files'] }),
    delivery: Type.String({
      description: 'How devices get bundles: proxy, redirect or cdn',
      examples: ['proxy'],
    }),
    device_url: Type.String({
      description: 'The device API as devices, or, without public_url, as the caller would reach it',
      examples: ['https://updates.example.com'],
    }),
    public_url: nullable('PUBLIC_URL; null when it is not set', 'https://updates.example.com'),
    device_port: Type.Integer({ description: 'TCP port of the device API', examples: [8000] }),
    management_port: Type.Integer({ description: 'TCP port of the management API', examples: [8001] }),
    metrics_port: Type.Integer({ description: 'TCP port of the metrics', examples: [8081] }),
    event_retention_days: Type.Integer({ description: 'Days that device events are kept', examples: [90] }),
    max_bundle_bytes: Type.Integer({ description: 'Largest bundle zip in bytes', examples: [1073741824] }),
    dependencies: Type.Array(DependencyView, {
      description: 'What it needs, and whether that answered just now',
      examples: [[{ name: 'database', reachable: true }]],
    }),
  },
  { description: 'What this server is and how it fares' },
);
export type ServerView = Static<typeof ServerView>;

/** The answer of `server.check-public-url`. */
export const PublicUrlCheckView = Type.Object(
  {
    url: nullable(
      'The address that was tried; null when PUBLIC_URL is not set',
      'https://updates.example.com',
    ),
    verdict: Type.Union(
      [
        ...['reachable', 'not_set', 'loopback', 'private', 'plain_http', 'unknown_host'],
        ...['refused', 'timeout', 'certificate', 'redirected', 'other_server', 'unreachable'],
      ].map((verdict) => Type.Literal(verdict)),
      {
        description: 'Whether phones can be expected to reach it, or what keeps them from it',
        examples: ['reachable'],
      },
    ),
    message: Type.String({
      description: 'The verdict for people, with what to do about it',
      examples: ['The device API answers at https://updates.example.com.'],
    }),
  },
  { description: 'Whether phones reach this server' },
);
export type PublicUrlCheckView = {
  readonly url: string | null;
  readonly verdict: PublicUrlVerdict;
  readonly message: string;
};
export type PublicUrlVerdict =
  | 'reachable'
  | 'not_set'
  | 'loopback'
  | 'private'
  | 'plain_http'
  | 'unknown_host'
  | 'refused'
  | 'timeout'
  | 'certificate'
  | 'redirected'
  | 'other_server'
  | 'unreachable';

const StorageFindingView = Type.Object(
  {
    kind: Type.Union([Type.Literal('ok'), Type.Literal('note'), Type.Literal('problem')], {
      description: 'problem: devices or uploads will fail',
      examples: ['ok'],
    }),
    text: Type.String({
      description: 'What was found, as a sentence',
      examples: ['An object can be written.'],
    }),
  },
  { description: 'One finding', examples: [{ kind: 'ok', text: 'An object can be written.' }] },
);

/** The answer of `server.check-storage`. */
export const StorageCheckView = Type.Object(
  {
    fit: Type.Boolean({ description: 'Whether there was no problem', examples: [true] }),
    findings: Type.Array(StorageFindingView, {
      description: 'What was tried, in order',
      examples: [[{ kind: 'ok', text: 'An object can be written.' }]],
    }),
  },
  { description: 'What trying out the storage found' },
);
export type StorageCheckView = Static<typeof StorageCheckView>;
