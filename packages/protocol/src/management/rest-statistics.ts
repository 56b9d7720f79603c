import { type Static, Type } from 'typebox';
import { AppId, count, day, text, timestamp } from './fields.ts';

export const RestAppIdParams = Type.Object({ app_id: AppId });
export const RestOrganizationIdParams = Type.Object({
  org_id: Type.String({
    description: 'The organization',
    examples: ['046a36ac-e03c-4590-9257-bd6c9dba9ee8'],
  }),
});

const flagText = (description: string) =>
  Type.Optional(Type.Enum(['true', 'false'], { description, examples: ['true'] }));

const rangeFields = {
  from: text('The first day; any time that JavaScript reads', '2026-01-01'),
  to: text('The day after the last one, in the same forms', '2026-02-01'),
};

export const RestRangeQuery = Type.Object(rangeFields);
export const RestUsageQuery = Type.Object({
  ...rangeFields,
  noAccumulate: flagText('Whether each point is of its day alone, and not the sum up to it'),
});
export const RestOrganizationUsageQuery = Type.Object({
  ...RestUsageQuery.properties,
  breakdown: flagText('Whether the apps are told apart, too'),
});

const amounts = {
  mau: count('Devices that were there for the first time in the month', 1500),
  storage: Type.Integer({ description: 'Bytes of bundles in storage', examples: [536_870_912] }),
};
const bandwidth = count(
  'Bytes that devices downloaded: from us as many as went out, from where they were redirected to as many as they asked for',
  1_073_741_824,
);

export const RestUsagePoint = Type.Object(
  { date: day('The day'), ...amounts, bandwidth },
  { title: 'UsagePoint', description: 'What happened until the end of a day' },
);
export type RestUsagePoint = Static<typeof RestUsagePoint>;

export const HostedUsagePoint = Type.Object(
  {
    date: timestamp('The day'),
    ...amounts,
    storage_byte_hours: count('Bytes times the hours in which they were in storage', 12_884_901_888),
    bandwidth,
    build_time_seconds: count('Always 0: nothing is built here', 0),
    get: Type.Optional(count('To signed-in persons: how many updates were offered', 2_500)),
  },
  { title: 'HostedUsagePoint', description: 'What happened until the end of a day' },
);
export type HostedUsagePoint = Static<typeof HostedUsagePoint>;

const list = <Point extends typeof RestUsagePoint | typeof HostedUsagePoint>(point: Point) =>
  Type.Array(point, { description: 'A point for each day that has begun' });
export const RestUsage = list(RestUsagePoint);
export const HostedUsage = list(HostedUsagePoint);

function byApp<Point extends typeof RestUsagePoint | typeof HostedUsagePoint>(point: Point) {
  return Type.Union(
    [
      list(point),
      Type.Object(
        {
          global: list(point),
          byApp: Type.Array(Type.Object({ app_id: AppId, ...point.properties }), {
            description: 'The points of each app',
          }),
        },
        { description: 'With `breakdown=true`' },
      ),
    ],
    { description: 'A point for each day that has begun, of all apps together' },
  );
}
export const RestOrganizationUsage = byApp(RestUsagePoint);
export const HostedOrganizationUsage = byApp(HostedUsagePoint);

const seriesFields = {
  labels: Type.Array(day('The day'), { description: 'The days, the last one included' }),
  datasets: Type.Array(
    Type.Object({
      label: text('What the devices ran', '1.0.1'),
      data: Type.Array(
        Type.Number({ minimum: 0, maximum: 100, description: 'Percent of the devices', examples: [66.7] }),
        { description: 'On each day; a day without devices is like the one before, unless it is today' },
      ),
      metaCounts: Type.Array(count('Devices', 20), { description: 'How many devices that were' }),
    }),
    { description: 'What was run at all, the most devices first' },
  ),
};
export const RestBundleUsage = Type.Object(seriesFields, {
  description: 'Which bundles the devices ran',
});
export type RestBundleUsage = Static<typeof RestBundleUsage>;
export const RestNativeUsage = Type.Object(
  {
    ...seriesFields,
    latestVersion: Type.Object(
      {
        name: text('The newest native version, with its platform; "" for none', 'iOS 1.2.0'),
        percentage: text('Percent of the devices that had it on the last day', '12.3'),
      },
      { description: 'The newest of them' },
    ),
  },
  { description: 'Which native versions the devices had' },
);
export type RestNativeUsage = Static<typeof RestNativeUsage>;
