import { type Static, Type } from 'typebox';
import { AppId, DeviceId, flag, nullable, text, timestamp } from './fields.ts';

/** A device as the REST API shows it. */
export const RestDevice = Type.Object(
  {
    device_id: DeviceId,
    app_id: AppId,
    updated_at: timestamp('When it was heard of last'),
    platform: text('`ios`, `android` or `electron`', 'ios'),
    custom_id: text('A name that it gave itself; empty for none', 'test-device-1'),
    is_prod: flag('A release build'),
    is_emulator: flag('An emulator', false),
    install_source: nullable(text('From where the app was installed', 'app_store')),
    version_name: nullable(text('The bundle it runs', '1.0.0')),
    version: nullable(
      Type.Integer({ minimum: 1, description: 'Number of that bundle, when it is there', examples: [456] }),
    ),
    plugin_version: nullable(text('Version of the plugin', '8.45.11')),
    os_version: nullable(text('Version of the system', '17.0')),
    version_build: nullable(text('Native version of the app', '1.0.0')),
    key_id: nullable(text('Which public key it has', 'MIIBCgKCAQEA12345678')),
    country_code: Type.Null({ description: 'Not known', examples: [null] }),
    default_channel: nullable(text('The channel that its configuration names', 'production')),
    channel: Type.Optional(text('The channel that an operator pinned it to', 'beta')),
  },
  { description: 'A device' },
);
export type RestDevice = Static<typeof RestDevice>;

export const RestDeviceListQuery = Type.Object(
  {
    app_id: AppId,
    device_id: Type.Optional(DeviceId),
    cursor: Type.Optional(
      text('nextCursor of the page before', '2026-01-31T12:00:00.000Z|b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11'),
    ),
    limit: Type.Optional(text('Most rows, 1 to 1000; 50 without it, and what is more counts as 1000', '50')),
    order: Type.Optional(text('By updated_at, `asc` or `desc`; by id without it', 'desc')),
    updated_at: Type.Optional(text('Only those heard of later than that', '2026-01-31T12:00:00Z')),
    customIdMode: Type.Optional(text('Any text: only those that have named themselves', 'true')),
  },
  { description: 'Which devices; with device_id that one, and no list' },
);
export const RestDeviceList = Type.Union(
  [
    Type.Object(
      {
        data: Type.Array(RestDevice, { description: 'The page' }),
        nextCursor: Type.Optional(
          text('For the next page', '2026-01-31T12:00:00.000Z|b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11'),
        ),
        hasMore: flag('Whether there is a next page', false),
      },
      { description: 'A page of the devices of an app' },
    ),
    RestDevice,
  ],
  { description: 'Devices, or with device_id that one' },
);

export const RestDevicePinBody = Type.Object(
  {
    app_id: AppId,
    device_id: DeviceId,
    channel: Type.Optional(text('Name of a channel that is not public', 'beta')),
  },
  { description: 'Which device to which channel' },
);

export const RestDeviceUnpinBody = Type.Object(
  { app_id: AppId, device_id: DeviceId },
  { description: 'Which device; in the query string as well' },
);
