import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import { compareSemver, parseSemver } from '@capgo-server/protocol/formats/semver';
import { parseAnyTimestamp } from '@capgo-server/protocol/formats/timestamps';
import {
  HostedOrganizationUsage,
  HostedUsage,
  type HostedUsagePoint,
  RestAppIdParams,
  RestBundleUsage,
  RestNativeUsage,
  RestOrganizationIdParams,
  RestOrganizationUsage,
  RestOrganizationUsageQuery,
  RestRangeQuery,
  RestUsage,
  type RestUsagePoint,
  RestUsageQuery,
} from '@capgo-server/protocol/management/rest-statistics';
import type { FastifyRequest } from 'fastify';
import { type Caller, seesApp } from '../../domain/access.ts';
import { pointCount, type UsagePoint } from '../../domain/usage-points.ts';
import type { Apps } from '../../services/apps.ts';
import type { Organizations } from '../../services/organizations.ts';
import type { AskedRange, ShareSeries, Shares, Statistics } from '../../services/statistics.ts';
import type { ManagementRoute } from '../route.ts';
import { audienceOf, RestError } from './rest-error.ts';
import { queryInput } from './rest-input.ts';

export interface RestStatisticsRoutesDeps {
  readonly apps: Pick<Apps, 'find' | 'listIds'>;
  readonly statistics: Statistics;
  readonly organizations: Pick<Organizations, 'find' | 'listAppIds'>;
}

/** Ten years: more is a mistake, and a long answer. */
const maxDays = 3_660;

function invalidBody(message: string, field: string): RestError {
  return new RestError('invalid_body', message, { details: { field } });
}

function timeOf(request: FastifyRequest, name: 'from' | 'to'): number {
  const text = queryInput(request)[name];
  if (typeof text !== 'string' || text === '') throw invalidBody(`${name} is required, once`, name);
  const time = parseAnyTimestamp(text);
  if (time === undefined) throw invalidBody(`${name} is not a date`, name);
  return time;
}

function flagOf(request: FastifyRequest, name: 'noAccumulate' | 'breakdown'): boolean {
  const text = queryInput(request)[name];
  if (text === undefined) return false;
  if (text !== 'true' && text !== 'false') throw invalidBody(`${name} must be true or false`, name);
  return text === 'true';
}

function spanOf(request: FastifyRequest): { readonly fromMs: number; readonly toMs: number } {
  const span = { fromMs: timeOf(request, 'from'), toMs: timeOf(request, 'to') };
  if (pointCount(span) > maxDays) throw invalidBody(`Ask for at most ${maxDays} days`, 'to');
  return span;
}

function rangeOf(request: FastifyRequest): AskedRange {
  return { ...spanOf(request), isAccumulated: !flagOf(request, 'noAccumulate') };
}

/** A point as the audience expects it; what was offered is told to persons only. */
function toPoint(request: FastifyRequest, caller: Caller) {
  const isHosted = audienceOf(request.headers) === 'hosted';
  return (point: UsagePoint): RestUsagePoint | HostedUsagePoint => {
    const { date, mau, storage, bandwidth } = point;
    if (!isHosted) return { date: date.slice(0, 10), mau, storage, bandwidth };
    return {
      ...{ date, mau, storage, storage_byte_hours: point.storageByteHours, bandwidth, build_time_seconds: 0 },
      ...(caller.kind === 'user' ? { get: point.get } : {}),
    };
  };
}

/** One that is not there and one that is only hidden are answered the same. */
function noApp(caller: Caller, appId: string): RestError {
  const details = { app_id: appId.slice(0, 256) };
  return caller.kind === 'user'
    ? new RestError('app_not_found', 'App not found', { status: 404, details })
    : new RestError('no_access_to_app', 'No access to app', { status: 401, details });
}

function noOrganization(caller: Caller): RestError {
  return caller.kind === 'user'
    ? new RestError('organization_not_found', 'Organization not found', { status: 404 })
    : new RestError('no_access_to_organization', 'No access to organization', { status: 401 });
}

function toUsage({ labels, series }: Shares): RestBundleUsage {
  return {
    labels: [...labels],
    datasets: series.map(({ label, data, counts }) => ({ label, data: [...data], metaCounts: [...counts] })),
  };
}

function newest(series: readonly ShareSeries[]): RestNativeUsage['latestVersion'] {
  const versionOf = ({ label }: ShareSeries) => label.slice(label.indexOf(' ') + 1);
  const [first] = series
    .filter((each) => parseSemver(versionOf(each)))
    .toSorted((one, other) => compareSemver(versionOf(other), versionOf(one)));
  return { name: first?.label ?? '', percentage: (first?.data.at(-1) ?? 0).toFixed(1) };
}

const ofRoutes = { tag: 'statistics' } as const;
const badRange = { code: 'invalid_body', status: 400 } as const;
const noAppErrors = [
  badRange,
  { code: 'no_access_to_app', status: 401 },
  { code: 'app_not_found', status: 404 },
] as const;

export function restStatisticsRoutes(deps: RestStatisticsRoutesDeps): readonly ManagementRoute[] {
  const { apps, statistics, organizations } = deps;

  async function appIdOf(request: FastifyRequest, caller: Caller): Promise<string> {
    const { app_id: appId } = request.params as { readonly app_id: string };
    // Not asked for: databases differ in what they do with a text that can be no app's, such as one with a NUL.
    const isThere = isAppId(appId) && seesApp(caller, appId) && (await apps.find(appId)) !== undefined;
    if (!isThere) throw noApp(caller, appId);
    return appId;
  }

  return [
    {
      ...{ method: 'GET', url: '/statistics/app/:app_id', permission: 'statistics.read' },
      handler: async (request, _reply, caller) => {
        const range = rangeOf(request);
        const points = await statistics.readUsage([await appIdOf(request, caller)], range);
        return points.map(toPoint(request, caller));
      },
      docs: {
        ...{
          ...ofRoutes,
          operationId: 'restAppStatistics',
          summary: 'Devices, storage and bandwidth of an app',
        },
        ...{ params: RestAppIdParams, query: RestUsageQuery, answer: RestUsage, hostedAnswer: HostedUsage },
        errors: noAppErrors,
      },
    },
    {
      ...{ method: 'GET', url: '/statistics/app/:app_id/bundle_usage', permission: 'statistics.read' },
      handler: async (request, _reply, caller) => {
        const { fromMs, toMs } = spanOf(request);
        return toUsage(await statistics.readBundleShares(await appIdOf(request, caller), fromMs, toMs));
      },
      docs: {
        ...{
          ...ofRoutes,
          operationId: 'restBundleUsage',
          summary: 'Which bundles the devices of an app ran',
        },
        ...{ params: RestAppIdParams, query: RestRangeQuery, answer: RestBundleUsage, errors: noAppErrors },
      },
    },
    {
      ...{ method: 'GET', url: '/statistics/app/:app_id/native_usage', permission: 'statistics.read' },
      handler: async (request, _reply, caller): Promise<RestNativeUsage> => {
        const { fromMs, toMs } = spanOf(request);
        const shares = await statistics.readNativeShares(await appIdOf(request, caller), fromMs, toMs);
        return { ...toUsage(shares), latestVersion: newest(shares.series) };
      },
      docs: {
        ...{ ...ofRoutes, operationId: 'restNativeUsage', summary: 'Which native versions the devices had' },
        ...{ params: RestAppIdParams, query: RestRangeQuery, answer: RestNativeUsage, errors: noAppErrors },
      },
    },
    {
      ...{ method: 'GET', url: '/statistics/org/:org_id', permission: 'statistics.read' },
      handler: async (request, _reply, caller) => {
        const range = rangeOf(request);
        const isBrokenDown = flagOf(request, 'breakdown');
        const { org_id: organizationId } = request.params as { readonly org_id: string };
        if (!(await organizations.find(caller, organizationId))) throw noOrganization(caller);
        const all = await organizations.listAppIds(organizationId);
        const appIds = all.filter((appId) => seesApp(caller, appId));
        const toView = toPoint(request, caller);
        const points = await statistics.readUsage(appIds, range);
        if (!isBrokenDown) return points.map(toView);
        const byApp = await statistics.readUsageByApp(appIds, range);
        return {
          global: points.map(toView),
          byApp: byApp.flatMap(({ appId, points: ofApp }) =>
            ofApp.map((point) => ({ app_id: appId, ...toView(point) })),
          ),
        };
      },
      docs: {
        ...{ ...ofRoutes, operationId: 'restOrganizationStatistics' },
        summary: 'Devices, storage and bandwidth of the apps of an organization',
        description: 'Of the apps that the caller may see.',
        ...{ params: RestOrganizationIdParams, query: RestOrganizationUsageQuery },
        ...{ answer: RestOrganizationUsage, hostedAnswer: HostedOrganizationUsage },
        errors: [
          badRange,
          { code: 'no_access_to_organization', status: 401 },
          { code: 'organization_not_found', status: 404 },
        ],
      },
    },
    {
      ...{ method: 'GET', url: '/statistics/user', permission: 'statistics.read' },
      handler: async (request, _reply, caller) => {
        const range = rangeOf(request);
        const appIds = await apps.listIds(caller.apps && [...caller.apps]);
        if (appIds.length === 0) throw new RestError('apps_not_found', 'Apps not found', { status: 404 });
        return (await statistics.readUsage(appIds, range)).map(toPoint(request, caller));
      },
      docs: {
        ...{ ...ofRoutes, operationId: 'restUserStatistics' },
        summary: 'Devices, storage and bandwidth of all apps that the caller may see',
        ...{ query: RestUsageQuery, answer: RestUsage, hostedAnswer: HostedUsage },
        errors: [badRange, { code: 'apps_not_found', status: 404 }],
      },
    },
  ];
}
