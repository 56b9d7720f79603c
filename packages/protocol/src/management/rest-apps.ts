import { type Static, Type } from 'typebox';
import { AppId, count, flag, nullable, text, timestamp } from './fields.ts';

const name = text('A name for people', 'My Awesome App');
const icon = text('URL of an icon, or a text', 'https://example.com/icon.png');
const channel = text('The channel that uploads go to which name none', 'dev');
const retention = Type.Integer({
  minimum: 0,
  description:
    'Seconds after which a bundle that nothing uses is deleted: 0 at once, 63113904 (two years) never. What a channel or a release would go back to is kept, except with 0',
  examples: [2_592_000],
});
const storeUrl = (store: string) => text(`The app in ${store}`, 'https://example.com/app');

const settings = {
  expose_metadata: flag('Devices are told the link and the comment of a bundle they get', false),
  allow_device_custom_id: flag('Devices may name themselves'),
  need_onboarding: flag('Kept for clients that set it', false),
  existing_app: flag('Kept for clients that set it', false),
  block_provider_infra_requests: flag('Kept for clients that set it', false),
} as const;

/** An app as the REST API shows it. */
export const RestApp = Type.Object(
  {
    app_id: AppId,
    id: text('A UUID that names the app for other systems', '550e8400-e29b-41d4-a716-446655440000'),
    name: nullable(name),
    icon_url: Type.String({
      description: 'Its icon; empty for none',
      examples: ['https://example.com/icon.png'],
    }),
    owner_org: text('The organization', '046a36ac-e03c-4590-9257-bd6c9dba9ee8'),
    user_id: Type.Null({ description: 'Not kept: the audit log says who did what', examples: [null] }),
    created_at: nullable(timestamp('When it was registered')),
    updated_at: nullable(timestamp('When it was changed last')),
    last_version: nullable(text('Version name of the newest bundle', '1.2.3')),
    retention,
    default_upload_channel: channel,
    ...settings,
    created_from_onboarding: flag('Always false', false),
    ios_store_url: nullable(storeUrl('the App Store')),
    android_store_url: nullable(storeUrl('Google Play')),
    allow_preview: flag('Always false: there are no previews', false),
    transfer_history: Type.Null({ description: 'There is one organization', examples: [null] }),
    channel_device_count: count('Devices that are pinned to a channel', 3),
    manifest_bundle_count: count('Bundles whose files devices can fetch one by one', 0),
    rollout_channel_count: count('Channels with a rollout', 1),
    rollout_paused_version_names: Type.Array(text('Version name', '1.3.0'), {
      description: 'Rollout bundles that nobody new gets',
      examples: [['1.3.0']],
    }),
    stats_updated_at: Type.Null({ description: 'Statistics are always up to date', examples: [null] }),
    stats_refresh_requested_at: Type.Null({ description: 'As stats_updated_at', examples: [null] }),
    build_timeout_seconds: Type.Null({ description: 'There are no native builds', examples: [null] }),
  },
  { description: 'An app' },
);
export type RestApp = Static<typeof RestApp>;

export const RestAppParams = Type.Object({ id: AppId }, { description: 'Which app' });

export const RestAppListQuery = Type.Object(
  {
    page: Type.Optional(text('Which page, counted from 0', '0')),
    limit: Type.Optional(text('Rows of a page, 1 to 1000; 50 without it', '50')),
    org_id: Type.Optional(text('The organization', '046a36ac-e03c-4590-9257-bd6c9dba9ee8')),
  },
  { description: 'Which page' },
);
export const RestAppList = Type.Object(
  { data: Type.Array(RestApp, { description: 'By id' }) },
  { description: 'The apps that the caller may see' },
);

const optional = Type.Optional;
const changeable = {
  icon: optional(icon),
  default_upload_channel: optional(channel),
  ...Object.fromEntries(Object.entries(settings).map(([key, schema]) => [key, optional(schema)])),
  ios_store_url: optional(nullable(storeUrl('the App Store'))),
  android_store_url: optional(nullable(storeUrl('Google Play'))),
};

export const RestAppCreateBody = Type.Object(
  {
    app_id: AppId,
    name,
    owner_org: optional(text('The organization; there is one', '046a36ac-e03c-4590-9257-bd6c9dba9ee8')),
    ...changeable,
  },
  { description: 'The new app; it keeps bundles that nothing uses for 30 days' },
);

export const RestAppChangeBody = Type.Object(
  {
    name: optional(name),
    retention: optional(
      nullable(
        Type.Integer({
          minimum: 0,
          maximum: 63_113_903,
          description: 'Seconds after which a bundle that nothing uses is deleted, 0 at once; null never',
          examples: [2_592_000],
        }),
      ),
    ),
    ...changeable,
  },
  { description: 'What is left out stays as it is' },
);
