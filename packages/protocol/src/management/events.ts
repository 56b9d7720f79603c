import { type Static, Type } from 'typebox';
import { AppId, count, DeviceId, flag, nullable, text, timestamp } from './fields.ts';
import { pageFields, pageOf, recordIdOf } from './pages.ts';

/** A stored device event as the management API shows it. */
export const DeviceEventView = Type.Object(
  {
    id: recordIdOf('Id of the event'),
    app_id: AppId,
    device_id: DeviceId,
    action: text('What happened', 'set', 'download_fail'),
    version_name: text('The bundle it is about, or `<bundle>:<file>`', '1.0.1'),
    old_version_name: nullable(text('The bundle that ran before', '1.0.0')),
    platform: text('The operating system of the device', 'android'),
    plugin_version: nullable(text('Version of the plugin', '8.3.1')),
    version_build: nullable(text('Its native version', '1.0.0')),
    version_code: nullable(text('Its native build number', '42')),
    version_os: nullable(text('Version of the operating system', '15')),
    is_emulator: flag('Whether it is an emulator or simulator', false),
    is_prod: flag('Whether it is a store build, as opposed to a debug one'),
    custom_id: nullable(text("The app's own name for the device or its user", 'user-17')),
    default_channel: nullable(text('The channel chosen by the app or its user', 'production')),
    key_id: nullable(text("The first characters of the app's public key", 'abcd1234')),
    install_source: nullable(text('The store the app came from', 'com.android.vending')),
    metadata: nullable(
      Type.Record(Type.String(), Type.String({ description: 'A fact', examples: ['timeout'] }), {
        description: 'Facts about the event; null for none',
        examples: [{ error: 'timeout' }],
      }),
    ),
    channel: nullable(text('The channel that served it; null for none', 'production')),
    device_time: nullable(timestamp("When it happened by the device's clock; null when it did not say")),
    received_at: timestamp('When it reached the server'),
  },
  { title: 'DeviceEvent', description: 'Something a device reported' },
);
export type DeviceEventView = Static<typeof DeviceEventView>;

const filterFields = {
  app_id: AppId,
  device_id: Type.Optional(DeviceId),
  action: Type.Optional(text('Only events of this action', 'set')),
  from: Type.Optional(
    text(
      'Only what arrived at or after this time: a date, a date-time with zone, or epoch milliseconds',
      '2026-01-01',
    ),
  ),
  to: Type.Optional(text('Only what arrived before this time, in the same forms', '2026-02-01')),
};
export const DeviceEventListQuery = Type.Object({ ...filterFields, ...pageFields });
export const DeviceEventCountQuery = Type.Object(filterFields);

export const DeviceEventList = pageOf(DeviceEventView, 'events, newest first');
export const DeviceEventCount = Type.Object(
  { count: count('How many events there are', 1234) },
  { description: 'A number of events' },
);
