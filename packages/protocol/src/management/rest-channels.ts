import { type Static, Type } from 'typebox';
import { AppId, count, flag, nullable, oneOf, text, timestamp } from './fields.ts';
import { RestPage } from './rest-answers.ts';

const name = text('Name of the channel, unique in its app', 'production');
const share = Type.Integer({
  minimum: 0,
  maximum: 10_000,
  description: 'Share of the devices that get the rollout bundle, in hundredths of a percent',
  examples: [500],
});
const action = oneOf(
  ['pause', 'rollback', 'notify'],
  'What happens to a rollout that fails too often: nobody new gets it, or nobody at all, or it is only logged',
);
const minutes = (description: string, minimum: number) =>
  Type.Integer({ minimum, maximum: 10_080, description, examples: [60] });
const optional = Type.Optional;

const settings = {
  public: flag('Devices that name no channel get it; at most one channel is, on each platform of an app'),
  ios: flag('Serves iOS'),
  android: flag('Serves Android'),
  electron: flag('Serves Electron'),
  allow_device_self_set: flag('Devices may choose it themselves', false),
  allow_emulator: flag('Serves emulators'),
  allow_device: flag('Serves real devices'),
  allow_dev: flag('Serves debug builds'),
  allow_prod: flag('Serves release builds'),
  disableAutoUpdateUnderNative: flag('Withholds a bundle that is older than the native version'),
} as const;

const autoPause = {
  autoPauseEnabled: flag('A rollout that fails too often stops by itself'),
  autoPauseWindowMinutes: minutes('Minutes of which reports count', 1),
  autoPauseFailureRateBps: nullable(
    Type.Integer({
      minimum: 0,
      maximum: 10_000,
      description: 'Failures of which it stops, in hundredths of a percent; null never',
      examples: [500],
    }),
  ),
  autoPauseConfidence: Type.Number({
    exclusiveMinimum: 0,
    exclusiveMaximum: 1,
    description: 'How sure it must be that the failures are no chance',
    examples: [0.95],
  }),
  autoPauseMinAttempts: nullable(count('With fewer installs it does not judge; null for any', 20)),
  autoPauseMinFailures: nullable(count('With fewer failures it does not judge; null for any', 5)),
  autoPauseAction: action,
  autoPauseCooldownMinutes: minutes('Minutes after which it may stop the next one', 0),
} as const;

const cacheTtl = Type.Integer({
  minimum: 60,
  maximum: 31_536_000,
  description: 'Kept for clients that set it: which devices are in a rollout needs no memory here',
  examples: [2_592_000],
});

const bundle = (description: string) =>
  nullable(
    Type.Object(
      {
        id: Type.Integer({ minimum: 1, description: 'Number of the bundle', examples: [456] }),
        name: text('Its version name', '1.2.3'),
      },
      { description, examples: [{ id: 456, name: '1.2.3' }] },
    ),
  );

const updatePackage = oneOf(
  ['all', 'zip', 'delta', 'zip_from_builtin', 'delta_from_builtin'],
  'How devices get a bundle: as its zip and single files, or as the zip alone; `…_from_builtin` holds for devices that run their builtin bundle. The zip is always there, so `delta` is as `all`',
);

const policyDescription =
  'How far a bundle may be from the native version: `major`, `minor`, `patch`, `metadata` (its min_update_version decides) or `none` (any)';

/** A channel as the REST API shows it. */
export const RestChannel = Type.Object(
  {
    id: Type.Integer({ minimum: 1, description: 'Number of the channel', examples: [789] }),
    name,
    app_id: AppId,
    created_at: timestamp('When it was made'),
    updated_at: timestamp('When it was changed last'),
    created_by: Type.Null({ description: 'Not kept: the audit log says who did what', examples: [null] }),
    owner_org: text('The organization', '046a36ac-e03c-4590-9257-bd6c9dba9ee8'),
    version: bundle('What everybody gets, or those outside of a rollout; null for builtin'),
    ...settings,
    disableAutoUpdate: text(`${policyDescription}; \`version_number\` for who sends capgo_api`, 'major'),
    updatePackage,
    rollout_version: nullable(
      Type.Integer({ minimum: 1, description: 'Number of the rollout bundle', examples: [457] }),
    ),
    rollout_id: text('Names the rollout: new for each rollout bundle', '6560a1f4c0ffee0123456789'),
    rollout_version_info: bundle('The rollout bundle; null without a rollout'),
    rolloutPercentageBps: share,
    rolloutEnabled: flag('The rollout is under way'),
    rolloutPausedAt: nullable(timestamp('Since when nobody new gets it')),
    rolloutPauseReason: nullable(text('Why', '12 of 100 installs failed')),
    rolloutCacheTtlSeconds: cacheTtl,
    ...autoPause,
    autoPauseLastTriggeredAt: nullable(timestamp('When it stopped a rollout last')),
    autoPauseLastCheckedAt: Type.Null({
      description: 'Not kept: it is checked every minute',
      examples: [null],
    }),
  },
  { description: 'A channel' },
);
export type RestChannel = Static<typeof RestChannel>;

export const RestChannelListQuery = Type.Object(
  {
    app_id: AppId,
    channel: optional(text('One channel by its name, and no list', 'production')),
    page: optional(RestPage),
  },
  { description: 'Which channels' },
);
const rows = { description: 'The oldest first, 50 a page' };
export const RestChannelList = Type.Union(
  [
    Type.Object({ data: Type.Array(RestChannel, rows) }, { description: 'Channels of the app' }),
    Type.Array(RestChannel, rows),
    RestChannel,
  ],
  { description: 'Channels, a bare array of them to who sends capgo_api; or with a name that one' },
);

export const RestChannelSaveBody = Type.Object(
  {
    app_id: AppId,
    channel: name,
    version: optional(
      nullable(
        text('Version name of the bundle it serves; null, "", `builtin` or `unknown` for builtin', '1.2.3'),
      ),
    ),
    ...Object.fromEntries(Object.entries(settings).map(([key, schema]) => [key, optional(schema)])),
    disableAutoUpdate: optional(text(policyDescription, 'major')),
    updatePackage: optional(updatePackage),
    rolloutVersion: optional(
      nullable(text('Version name, or number, of the rollout bundle; null ends the rollout', '1.3.0')),
    ),
    rolloutPercentage: optional(
      Type.Number({
        minimum: 0,
        maximum: 100,
        description: 'Share of the devices in percent; rolloutPercentageBps goes before it',
        examples: [5],
      }),
    ),
    rolloutPercentageBps: optional(share),
    rolloutEnabled: optional(flag('Whether the rollout is under way')),
    rolloutPaused: optional(flag('true: from now on nobody new gets the rollout bundle; false: go on')),
    rolloutPausedAt: optional(nullable(timestamp('Since when it pauses; goes before rolloutPaused'))),
    rolloutPauseReason: optional(nullable(text('Why it pauses', 'Waiting for reviews'))),
    rolloutCacheTtlSeconds: optional(cacheTtl),
    rollback: optional(flag('true ends the rollout: who has its bundle is sent back to the stable one')),
    promoteToStable: optional(flag('true makes the rollout bundle the stable one, for everybody')),
    advanceRollout: optional(
      flag(
        'true with rolloutVersion: the rollout bundle so far becomes the stable one, and the new one goes to the same share, unless another one is given',
      ),
    ),
    ...Object.fromEntries(Object.entries(autoPause).map(([key, schema]) => [key, optional(schema)])),
  },
  {
    description:
      'What is left out stays as it is. It is one change: what is refused in part is refused whole. Names of rollout and auto-pause may be written in snake_case, too',
  },
);

export const RestChannelSaved = Type.Object(
  {
    status: text('That it was done', 'ok'),
    id: optional(
      Type.Integer({ description: 'Number of a new channel that serves a bundle', examples: [789] }),
    ),
    public: optional(flag('Whether that is public')),
  },
  { description: 'It was done' },
);

export const RestChannelDeleteBody = Type.Object(
  { app_id: AppId, channel: name },
  { description: 'Which channel; in the query string as well' },
);
