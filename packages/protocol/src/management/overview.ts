import { type Static, Type } from 'typebox';
import { AppId, count, day, nullable, text, timestamp } from './fields.ts';

export const OverviewQuery = Type.Object({
  app_id: AppId,
  from: Type.Optional(
    text(
      'The first day: a date, a date-time with zone, or epoch milliseconds; 29 days before `to` by default',
      '2026-01-01',
    ),
  ),
  to: Type.Optional(text('The last day, included; today by default', '2026-01-31')),
});

function filter(route: 'devices.list' | 'events.list', example: Readonly<Record<string, string>>) {
  const what = route === 'devices.list' ? 'devices' : 'events';
  return nullable(
    Type.Record(Type.String(), Type.String({ description: 'Its value', examples: ['1.0.1'] }), {
      description: `Parameters of \`${route}\`, beside app_id, that show the ${what} behind the number; null when there are none that do`,
      examples: [example],
    }),
  );
}

const ActiveGroupView = Type.Object(
  {
    name: text('What they are; "" for no channel, `other` for what is too rare to be told apart', '1.0.1'),
    devices: count('How many devices', 120),
    filter: filter('devices.list', { bundle: '1.0.1', active_since: '2026-01-30' }),
  },
  { title: 'ActiveGroup', description: 'Devices that have something in common' },
);

const ActiveNow = Type.Object(
  {
    since: day('Devices that were there on this day or later are active'),
    devices: count('How many there are', 1500),
    filter: filter('devices.list', { active_since: '2026-01-30' }),
    bundles: Type.Array(ActiveGroupView, { description: 'By the bundle they run, the most first' }),
    native_versions: Type.Array(ActiveGroupView, { description: 'By native version' }),
    plugin_versions: Type.Array(ActiveGroupView, { description: 'By plugin version' }),
    platforms: Type.Array(ActiveGroupView, { description: 'By platform' }),
    channels: Type.Array(ActiveGroupView, { description: 'By the channel that serves them' }),
  },
  { title: 'ActiveNow', description: 'The devices of today and yesterday' },
);

const DayView = Type.Object(
  {
    date: day('The day'),
    active_devices: count('Devices that were there', 900),
    new_devices: count('Of these, those that were there for the first time in the month', 40),
    offered: count('Devices that were offered a bundle other than the one before', 300),
    downloaded: count('Downloads that were finished', 280),
    installed: count('Installs', 270),
    failed: count('Failures', 3),
    bytes_served: count('Bytes of downloads that went out from here', 52_428_800),
    bytes_redirected: count(
      'Bytes of downloads that devices were sent elsewhere for; whether they fetched them is not known here',
      0,
    ),
    storage: count('Bytes of bundles in storage at the end of the day', 10_485_760),
  },
  { title: 'OverviewDay', description: 'A day' },
);

const Series = Type.Array(
  Type.Object({
    name: text('What the devices ran; `other` for the rest of them together', '1.0.1'),
    devices: Type.Array(count('Devices', 120), { description: 'On each day' }),
  }),
  { description: 'By the most devices over all days, the rest last' },
);

const FunnelView = Type.Object(
  {
    bundle: text("A bundle's version name, `builtin` or `unknown`", '1.0.1'),
    offered: count('Devices that were offered it', 300),
    downloaded: count('Downloads that were finished', 280),
    installed: count('Installs', 270),
    failed: count('Failures', 3),
    failure_rate: nullable(
      Type.Number({
        description: 'Failures as part of failures and installs; null of neither',
        examples: [0.011],
      }),
    ),
    running: filter('devices.list', { bundle: '1.0.1' }),
    failing: filter('devices.list', { failed_bundle: '1.0.1' }),
  },
  { title: 'Funnel', description: 'How far a bundle came with devices of real users' },
);

const FailureView = Type.Object(
  {
    action: text('What went wrong; `other` for what the protocol does not know', 'checksum_fail'),
    count: count('How often', 2),
    bundles: Type.Array(Type.Object({ bundle: text('A bundle', '1.0.1'), count: count('How often', 2) }), {
      description: 'With which bundles, the most first',
    }),
    filter: filter('events.list', { action: 'checksum_fail', from: '2026-01-01', to: '2026-02-01' }),
  },
  { title: 'FailureReason', description: 'A reason of failures' },
);

export const OverviewView = Type.Object(
  {
    app_id: AppId,
    from: day('The first day'),
    to: day('The last day, included'),
    now: ActiveNow,
    days: Type.Array(DayView, { description: 'Each day, the oldest first' }),
    adoption: Type.Object(
      {
        dates: Type.Array(day('The day'), { description: 'The days' }),
        bundles: Series,
        native_versions: Series,
        plugin_versions: Series,
      },
      { description: 'What the devices of each day ran last that day' },
    ),
    funnel: Type.Array(FunnelView, { description: 'Of each bundle, the most offered first' }),
    failures: Type.Array(FailureView, { description: 'Why things failed, the most frequent first' }),
    failure_rate: nullable(
      Type.Number({
        description: 'Failures as part of failures and installs; null of neither',
        examples: [0.011],
      }),
    ),
    checks: Type.Object(
      {
        per_minute: Type.Array(
          Type.Object({
            minute: timestamp('Its start'),
            checks: count('Update checks in it', 12),
          }),
          { description: 'Each of the last 60 minutes that are over' },
        ),
      },
      { description: 'Update checks' },
    ),
  },
  { title: 'Overview', description: 'How an app is doing' },
);
export type OverviewView = Static<typeof OverviewView>;
export const OverviewAnswer = Type.Object({ data: OverviewView }, { description: 'How the app is doing' });
