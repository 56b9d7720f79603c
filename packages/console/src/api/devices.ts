import type { DeviceDetail, DeviceView, ExplainView } from '@capgo-server/protocol/management/devices';
import type { DeviceEventView } from '@capgo-server/protocol/management/events';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, type ListAnswer } from './client.ts';
import type { DeviceFilter, EventFilter } from './filters.ts';

export const deviceRowsAPage = 50;

export const firstDeviceQuery = (appId: string) =>
  queryOptions({
    queryKey: ['devices', appId, 'first'],
    queryFn: ({ signal }) =>
      api.get<ListAnswer<DeviceView>>('devices.list', { app_id: appId, limit: 1 }, signal),
  });

export const deviceQuery = (appId: string, deviceId: string) =>
  queryOptions({
    queryKey: ['devices', appId, 'one', deviceId],
    queryFn: async ({ signal }) =>
      (await api.get<{ data: DeviceDetail }>('devices.get', { app_id: appId, device_id: deviceId }, signal))
        .data,
  });

/** A device's own request, or `app_id` and `device_id` alone of one that is known. */
export const explain = (request: object) => api.post<ExplainView>('updates.explain', request);

export const devicesQuery = (appId: string, filter: DeviceFilter) =>
  infiniteQueryOptions({
    queryKey: ['devices', appId, 'list', filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<ListAnswer<DeviceView>>(
        'devices.list',
        { ...filter, app_id: appId, limit: deviceRowsAPage, cursor: pageParam },
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
  });

export const eventsQuery = (appId: string, filter: EventFilter) =>
  infiniteQueryOptions({
    queryKey: ['events', appId, 'list', filter],
    queryFn: ({ pageParam, signal }) =>
      api.get<ListAnswer<DeviceEventView>>(
        'events.list',
        { ...filter, app_id: appId, limit: deviceRowsAPage, cursor: pageParam },
        signal,
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
  });
