import { type Static, Type } from 'typebox';
import { AppId, count, DeviceId, day, flag, nullable, text, timestamp } from './fields.ts';
import { pageFields, pageOf, recordIdOf } from './pages.ts';

/** A device of the inventory as the management API shows it. */
export const DeviceView = Type.Object(
  {
    app_id: AppId,
    device_id: DeviceId,
    platform: text('Its operating system, as it says', 'android'),
    plugin_version: nullable(text('Version of the plugin', '8.3.1')),
    version_os: nullable(text('Version of the operating system', '15')),
    version_build: nullable(text('Its native version', '1.0.0')),
    version_code: nullable(text('Its native build number', '42')),
    version_name: nullable(text('The bundle it ran when it was last heard of', '1.0.1')),
    custom_id: nullable(text("The app's own name for the device or its user", 'user-17')),
    is_emulator: flag('Whether it is an emulator or simulator', false),
    is_prod: flag('Whether it is a store build, as opposed to a debug one'),
    default_channel: nullable(text('The channel chosen by the app or its user', 'production')),
    key_id: nullable(text("The first characters of the app's public key", 'abcd1234')),
    install_source: nullable(text('The store the app came from', 'com.android.vending')),
    first_seen: timestamp('When it was first heard of'),
    last_seen: timestamp('When it was last heard of'),
  },
  { title: 'Device', description: 'One installation of an app, as it was last heard of' },
);
export type DeviceView = Static<typeof DeviceView>;

export const DeviceList = pageOf(DeviceView, 'devices, first seen last');
const only = (what: string, example: string) => Type.Optional(text(`Only devices ${what}`, example));

export const DeviceListQuery = Type.Object({
  app_id: AppId,
  q: only('whose id or custom id holds this, letters of the Latin alphabet in any case', 'user-17'),
  version_name: only('that run this bundle, as they name it', '1.0.1'),
  bundle: only(
    "that are counted under this bundle: a bundle's version name, `builtin` or `unknown`",
    'builtin',
  ),
  native_version: only('that are counted under this native version', '1.0.0'),
  plugin_version: only('that are counted under this version of the plugin', '8.3.1'),
  channel: only('that this channel served last', 'production'),
  has_channel: Type.Optional(
    Type.Literal('false', { description: 'Only devices that no channel served', examples: ['false'] }),
  ),
  platform: only('of this platform: `ios`, `android` or `electron`; `unknown` for all others', 'android'),
  active_since: only('that were there on this UTC day or later', '2026-01-30'),
  failed_bundle: only('on which this bundle failed, as is remembered of them', '1.0.1'),
  ...pageFields,
});

export const DeviceGetQuery = Type.Object({ app_id: AppId, device_id: DeviceId });

/** A device by itself. */
export const DeviceDetail = Type.Object(
  {
    ...DeviceView.properties,
    override: nullable(
      Type.Object(
        {
          channel_id: Type.Integer({ minimum: 1, description: 'Number of the channel', examples: [3] }),
          expires_at: nullable(timestamp('When it ends by itself; null for never')),
        },
        { description: 'What an operator pinned it to; null when it is not pinned' },
      ),
    ),
  },
  { title: 'DeviceDetail', description: 'One installation of an app, and what it is pinned to' },
);
export type DeviceDetail = Static<typeof DeviceDetail>;
export const DeviceAnswer = Type.Object({ data: DeviceDetail }, { description: 'The device' });

/** The counters of one day, bundle, channel and platform. */
export const CounterView = Type.Object(
  {
    date: day('The day that was counted'),
    bundle: text("A bundle's version name, `builtin` or `unknown`", '1.0.1'),
    channel: nullable(text('The channel that served the devices; null for none', 'production')),
    platform: text('`ios`, `android` or `electron`; `unknown` for every other name', 'android'),
    get: count('How often it was offered', 120),
    install: count('How often it was installed', 100),
    uninstall: count('How often it was replaced by another one', 3),
    fail: count('How often something with it failed', 2),
  },
  { title: 'Counter', description: 'What was counted on a day for a bundle, a channel and a platform' },
);
export type CounterView = Static<typeof CounterView>;

export const CounterListQuery = Type.Object({
  app_id: AppId,
  from: Type.Optional(
    text('The first day: a date, a date-time with zone, or epoch milliseconds', '2026-01-01'),
  ),
  to: Type.Optional(text('The last day, included', '2026-01-31')),
  ...pageFields,
});
export const CounterList = pageOf(CounterView, 'counters, the oldest day first');

/** The short form of the body of `updates.explain`: a device that is known. The long form is a device's own request. */
export const KnownDeviceBody = Type.Object(
  { app_id: AppId, device_id: DeviceId },
  { title: 'KnownDevice', description: 'A device that was heard of' },
);
export type KnownDeviceBody = Static<typeof KnownDeviceBody>;

/** The answer of `updates.explain`. */
export const ExplainView = Type.Object(
  {
    answer: Type.Object(
      {},
      {
        additionalProperties: true,
        description: 'What the device would get from `POST /updates`, to the letter',
        examples: [
          { error: 'no_new_version_available', message: 'No new version available', kind: 'up_to_date' },
        ],
      },
    ),
    outcome: text("The decision's name", 'update_available', 'no_new_version_available'),
    source: nullable(
      text('By which rule it was found what serves the device; null when nothing does', 'public_channel'),
    ),
    channel: nullable(
      Type.Object(
        {
          id: Type.Integer({ minimum: 1, description: 'Number of the channel', examples: [3] }),
          name: text('Name of the channel', 'production'),
        },
        { description: 'The channel that serves the device; null when none does' },
      ),
    ),
    release: nullable(
      Type.Object(
        {
          id: recordIdOf('Id of the release'),
          version_name: text('Its native version', '1.0.0'),
          version_code: text('Its native build number', '42'),
        },
        { description: 'The release that serves the device; null when none does' },
      ),
    ),
    bundle: nullable(
      text(
        'The bundle that was considered, whatever became of it: its version name, `builtin`, or null when none was',
        '1.0.1',
      ),
    ),
    steps: Type.Array(
      Type.Object({
        step: text('What was looked at', 'app'),
        why: text('Why it went as it did', 'The app is registered.'),
      }),
      { description: 'Every step in order, and why it went as it did' },
    ),
  },
  { title: 'Explanation', description: 'A decision with each reason on the way there' },
);
export type ExplainView = Static<typeof ExplainView>;
