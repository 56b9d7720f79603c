import { type Static, Type } from 'typebox';

const KeyId = Type.Integer({
  minimum: 1,
  maximum: 2_147_483_647,
  description: 'Number of the key',
  examples: [7],
});
const KeyName = Type.String({
  description: 'A name for people, 1 to 200 characters',
  examples: ['CI upload'],
});
const KeyRole = Type.Union(
  [Type.Literal('read'), Type.Literal('upload'), Type.Literal('write'), Type.Literal('admin')],
  {
    description:
      'What the key may do: `read`, `upload` (bundles, too), `write` (channels, releases and devices, too) or `admin`',
    examples: ['upload'],
  },
);
const KeyApps = Type.Union(
  [
    Type.Array(
      Type.String({ description: 'The app, by its reverse-domain id', examples: ['com.example.app'] }),
      { description: 'These apps only; they need not exist yet', examples: [['com.example.app']] },
    ),
    Type.Null({ description: 'All apps, also those to come', examples: [null] }),
  ],
  {
    description: 'The apps the key may see and change; null for all, also those to come',
    examples: [['com.example.app'], null],
  },
);
const KeyExpiry = Type.Union(
  [
    Type.String({
      description: 'A date, or a date-time with zone, that lies ahead',
      examples: ['2027-01-31T12:00:00Z'],
    }),
    Type.Null({ description: 'The key has no end', examples: [null] }),
  ],
  { description: 'Until when the key is good; null for ever', examples: ['2027-01-31T12:00:00Z', null] },
);

/** An API key as the management API shows it; never what proves it. */
export const ApiKeyView = Type.Object(
  {
    id: KeyId,
    name: KeyName,
    role: KeyRole,
    apps: KeyApps,
    created_by: Type.String({
      description: 'Who made it: a management token by its number, or a person by the issuer’s id',
      examples: ['management-token-1'],
    }),
    created_at: Type.String({ description: 'ISO 8601, UTC', examples: ['2026-01-15T12:00:00.000Z'] }),
    updated_at: Type.String({ description: 'ISO 8601, UTC', examples: ['2026-01-15T12:00:00.000Z'] }),
    expires_at: KeyExpiry,
    last_used_at: Type.Union(
      [
        Type.String({
          description: 'ISO 8601, UTC, to the minute or so',
          examples: ['2026-01-15T12:00:00.000Z'],
        }),
        Type.Null({ description: 'It was never used', examples: [null] }),
      ],
      {
        description: 'When it was used last; null when it never was',
        examples: ['2026-01-15T12:00:00.000Z'],
      },
    ),
  },
  { description: 'An API key; what proves it is shown when it is made, and never again' },
);
export type ApiKeyView = Static<typeof ApiKeyView>;

export const ApiKeyList = Type.Object(
  { data: Type.Array(ApiKeyView, { description: 'All keys, the newest first' }) },
  { description: 'All API keys' },
);

const message = Type.String({ description: 'What was done, for people', examples: ['API key created'] });

export const ApiKeyAnswer = Type.Object(
  { message, api_key: ApiKeyView },
  { description: 'The key as it is now' },
);
export type ApiKeyAnswer = Static<typeof ApiKeyAnswer>;

export const ShownApiKeyAnswer = Type.Object(
  {
    message,
    api_key: ApiKeyView,
    key: Type.String({
      description: 'What proves the key, a UUID: shown this once, and not kept',
      examples: ['2b1f7a0e-6f3c-4b56-9d0e-8f5a3c1d2e4f'],
    }),
  },
  { description: 'The key, and this once what proves it' },
);
export type ShownApiKeyAnswer = Static<typeof ShownApiKeyAnswer>;

export const ApiKeyCreateBody = Type.Object(
  { name: KeyName, role: KeyRole, apps: Type.Optional(KeyApps), expires_at: Type.Optional(KeyExpiry) },
  { description: 'A key for all apps and without end, unless it says otherwise' },
);
export type ApiKeyCreateBody = Static<typeof ApiKeyCreateBody>;

export const ApiKeyUpdateBody = Type.Object(
  {
    key_id: KeyId,
    name: Type.Optional(KeyName),
    role: Type.Optional(KeyRole),
    apps: Type.Optional(KeyApps),
    expires_at: Type.Optional(KeyExpiry),
  },
  { description: 'What is left out stays as it is' },
);
export type ApiKeyUpdateBody = Static<typeof ApiKeyUpdateBody>;

export const ApiKeyIdBody = Type.Object({ key_id: KeyId }, { description: 'Which key' });
export type ApiKeyIdBody = Static<typeof ApiKeyIdBody>;
