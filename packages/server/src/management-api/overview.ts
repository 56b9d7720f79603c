import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { OverviewAnswer, OverviewQuery, type OverviewView } from '@capgo-server/protocol/management/overview';
import type { FastifyRequest } from 'fastify';
import { type Caller, seesApp } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import { addDays, dayMs, dayOf, otherName, startOfDay, untoldName } from '../domain/statistics.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { ActiveGroup } from '../ports/statistics.ts';
import type { Overview, Overviews, Series } from '../services/overview.ts';
import { dateParameter, type Query, requiredAppId } from './page-query.ts';
import type { ManagementRoute } from './route.ts';

export interface OverviewRoutesDeps {
  readonly overviews: Overviews;
  readonly appSnapshots: Pick<AppSnapshots, 'find'>;
  readonly clock: Clock;
}

const defaultDays = 30;
const maxDays = 366;

function daysOf(query: Query, today: string): { readonly fromDate: string; readonly toDate: string } {
  // What has not come yet is nothing.
  const asked = dateParameter(query, 'to') ?? today;
  const toDate = asked < today ? asked : today;
  const fromDate = dateParameter(query, 'from') ?? addDays(toDate, 1 - defaultDays);
  if (fromDate > toDate)
    throw new AppError('invalid_request', 'from must not be a day after to, nor after today');
  if ((startOfDay(toDate) - startOfDay(fromDate)) / dayMs >= maxDays) {
    throw new AppError('invalid_request', `Ask for at most ${maxDays} days`);
  }
  return { fromDate, toDate };
}

function rateOf({
  installed,
  failed,
}: {
  readonly installed: number;
  readonly failed: number;
}): number | null {
  return installed + failed === 0 ? null : failed / (installed + failed);
}

/** Names that stand for many things cannot be asked for, but for those under which a device is counted itself. */
function groupView(activeSince: string, filterOf: (name: string) => Record<string, string> | null) {
  return ({ name, devices }: ActiveGroup) => {
    const filter = filterOf(name);
    return { name, devices, filter: filter && { ...filter, active_since: activeSince } };
  };
}

const seriesView = (series: readonly Series[]) =>
  series.map(({ name, devices }) => ({ name, devices: [...devices] }));

function toView(
  appId: string,
  { fromDate, toDate }: { readonly fromDate: string; readonly toDate: string },
  overview: Overview,
): OverviewView {
  const { activeSince, active, days } = overview;
  const by = (parameter: string) => groupView(activeSince, (name) => ({ [parameter]: name }));
  const byChannel = groupView(activeSince, (name) =>
    name === '' ? { has_channel: 'false' } : { channel: name },
  );
  return {
    ...{ app_id: appId, from: fromDate, to: toDate },
    now: {
      since: activeSince,
      devices: active.platform.reduce((sum, { devices }) => sum + devices, 0),
      filter: { active_since: activeSince },
      bundles: active.bundle.map(by('bundle')),
      native_versions: active.native_version.map(by('native_version')),
      plugin_versions: active.plugin_version.map(by('plugin_version')),
      platforms: active.platform.map(by('platform')),
      channels: active.channel.map(byChannel),
    },
    days: days.map((day) => ({
      date: day.date,
      active_devices: day.active,
      new_devices: day.new,
      offered: day.offered,
      downloaded: day.downloaded,
      installed: day.installed,
      failed: day.failed,
      bytes_served: day.bytesServed,
      bytes_redirected: day.bytesRedirected,
      storage: day.storage,
    })),
    adoption: {
      dates: days.map(({ date }) => date),
      bundles: seriesView(overview.bundles),
      native_versions: seriesView(overview.nativeVersions),
      plugin_versions: seriesView(overview.pluginVersions),
    },
    funnel: overview.funnel.map((each) => ({
      ...each,
      failure_rate: rateOf(each),
      running: { bundle: each.bundle },
      failing: each.bundle === untoldName ? null : { failed_bundle: each.bundle },
    })),
    failures: overview.failures.map(({ action, count, bundles }) => ({
      ...{ action, count, bundles: bundles.map((each) => ({ ...each })) },
      // The list of events ends before its last moment.
      filter: action === otherName ? null : { action, from: fromDate, to: addDays(toDate, 1) },
    })),
    failure_rate: rateOf({
      installed: days.reduce((sum, { installed }) => sum + installed, 0),
      failed: days.reduce((sum, { failed }) => sum + failed, 0),
    }),
    checks: {
      per_minute: overview.minutes.map(({ minuteMs, checks }) => ({
        minute: formatTimestamp(minuteMs),
        checks,
      })),
    },
  };
}

export function overviewRoutes(deps: OverviewRoutesDeps): readonly ManagementRoute[] {
  const { overviews, appSnapshots, clock } = deps;

  async function get(request: FastifyRequest, caller: Caller) {
    const query = request.query as Query;
    const appId = requiredAppId(query);
    const days = daysOf(query, dayOf(clock.now()));
    if (!seesApp(caller, appId) || !appSnapshots.find(appId)) {
      throw new AppError('app_not_found', `There is no app ${appId}`);
    }
    return { data: toView(appId, days, await overviews.read(appId, days)) };
  }

  return [
    {
      ...{ method: 'GET', url: '/api/v1/overview.get', permission: 'statistics.read' },
      handler: (request, _reply, caller) => get(request, caller),
      docs: {
        ...{ operationId: 'overviewGet', tag: 'statistics', summary: 'How an app is doing' },
        description:
          'Devices are counted once a UTC day, under what they ran last that day; emulators and debug builds are counted, too. Offers, downloads, installs and failures are those of real users. At most 366 days.',
        ...{ query: OverviewQuery, answer: OverviewAnswer, errors: ['app_not_found'] },
      },
    },
  ];
}
