import { type Static, Type } from 'typebox';

const someTime = '2026-01-15T12:00:00.000Z';
const time = (description: string) => Type.String({ description, examples: [someTime] });
const timeOrNull = (description: string) =>
  Type.Union([time('ISO 8601; in answers UTC'), Type.Null({ description: 'None', examples: [null] })], {
    description,
    examples: [someTime, null],
  });
const appIds = (description: string) =>
  Type.Array(
    Type.String({ description: 'The app, by its reverse-domain id', examples: ['com.example.app'] }),
    { description, examples: [['com.example.app']] },
  );
const appsOrNull = Type.Union(
  [appIds('These apps only'), Type.Null({ description: 'All', examples: [null] })],
  {
    description: 'The apps the key may see and change; null for all, also those to come',
    examples: [['com.example.app'], null],
  },
);
const role = Type.Union(
  [Type.Literal('read'), Type.Literal('upload'), Type.Literal('write'), Type.Literal('admin')],
  { description: 'What the key may do', examples: ['upload'] },
);
const mode = Type.String({
  description: 'The same as role in other words: `read`, `upload`, `write`, and `all` for admin',
  examples: ['upload'],
});
const name = Type.String({ description: 'A name for people, 1 to 200 characters', examples: ['CI upload'] });
const expiry = timeOrNull('Until when the key is good: a date, or a date-time with zone; null for ever');

const rowFields = {
  id: Type.Integer({ description: 'Number of the key', examples: [7] }),
  created_at: time('ISO 8601, UTC'),
  updated_at: time('ISO 8601, UTC'),
  name,
  user_id: Type.String({
    description: 'Who made it: a management token by its number, or a person by the issuer’s id',
    examples: ['management-token-1'],
  }),
  rbac_id: Type.String({
    description: 'A UUID that names the key for other systems',
    examples: ['5d0a3f7e-8a4f-4c3e-9e31-6f1f2f1b7f3a'],
  }),
  expires_at: expiry,
  last_used_at: timeOrNull('When it was used last, to the minute or so; null for never'),
  is_hashed_key: Type.Boolean({ description: 'Always true: keys are kept as hashes', examples: [true] }),
  global_permissions: Type.Array(
    Type.String({ description: 'A permission beyond all organizations', examples: ['org.create'] }),
    { description: 'Always empty: there is one organization', examples: [[]] },
  ),
  role,
  apps: appsOrNull,
  mode,
  limited_to_apps: appIds('The same as apps in other words; empty for all'),
};
const key = Type.String({
  description: 'What proves the key, a UUID: shown this once, and not kept',
  examples: ['2b1f7a0e-6f3c-4b56-9d0e-8f5a3c1d2e4f'],
});

/** A key as `/apikey` shows it. */
export const RestApiKey = Type.Object(rowFields, { description: 'An API key, without what proves it' });
export type RestApiKey = Static<typeof RestApiKey>;

/** A key that was just made, in the shape of who sends `capgo_api`. */
export const HostedShownApiKey = Type.Object(
  { ...rowFields, key },
  { description: 'An API key, and this once what proves it' },
);

const apikey = Type.Object(
  { ...rowFields, key },
  { description: 'All of it once more, as the documentation has it' },
);

export const RestShownApiKey = Type.Object(
  { ...rowFields, key, apikey },
  { description: 'An API key, and this once what proves it' },
);

export const RestChangedApiKey = Type.Object(
  { ...rowFields, key: Type.Optional(key), apikey: Type.Optional(apikey) },
  { description: 'An API key, and with regenerate this once what proves it' },
);

export const HostedApiKeyList = Type.Array(RestApiKey, { description: 'All keys, the newest first' });

export const RestApiKeyList = Type.Object({ data: HostedApiKeyList }, { description: 'All API keys' });

export const RestRevokedApiKey = Type.Object(
  {
    status: Type.String({ description: 'That it was done', examples: ['ok'] }),
    success: Type.Optional(
      Type.Boolean({ description: 'The same in other words; not for who sends capgo_api', examples: [true] }),
    ),
  },
  { description: 'It was done' },
);

export const RestApiKeyParams = Type.Object(
  { id: Type.String({ description: 'Number of the key, or what proves it', examples: ['7'] }) },
  { description: 'Which key' },
);

const binding = Type.Object(
  {
    role_name: Type.String({
      description:
        'Of an organization org_super_admin, org_admin (admin) or org_member (read); of an app app_admin (admin), app_developer (write), app_uploader (upload) or app_reader (read)',
      examples: ['app_uploader'],
    }),
    scope_type: Type.String({ description: '`org` for all apps, or `app`', examples: ['app'] }),
    app_id: Type.Optional(
      Type.String({ description: 'The app, by its reverse-domain id', examples: ['com.example.app'] }),
    ),
  },
  { description: 'A role and where it is held' },
);

const rights = {
  role: Type.Optional(role),
  apps: Type.Optional(appsOrNull),
  mode: Type.Optional(mode),
  limited_to_apps: Type.Optional(appIds('The same as apps in other words; empty for all')),
  bindings: Type.Optional(
    Type.Array(binding, { description: 'Role and apps in the hosted service’s words; all of one role' }),
  ),
};

export const RestApiKeyCreateBody = Type.Object(
  { name, ...rights, expires_at: Type.Optional(expiry) },
  { description: 'A name and a role, in any of the three ways to say it; for all apps unless it names some' },
);

export const RestApiKeyUpdateBody = Type.Object(
  {
    id: Type.Optional(
      Type.Integer({ description: 'Number of the key, when the URL has none', examples: [7] }),
    ),
    name: Type.Optional(name),
    ...rights,
    expires_at: Type.Optional(expiry),
    regenerate: Type.Optional(
      Type.Boolean({
        description: 'Proves the key by another text, which is in the answer',
        examples: [true],
      }),
    ),
  },
  { description: 'What is left out stays as it is' },
);
