import type {
  ReleaseCreateBody,
  ReleaseSetActiveBody,
  ReleaseUpdateBody,
  ReleaseView,
} from '@capgo-server/protocol/management/releases';
import { queryOptions } from '@tanstack/react-query';
import { api, listAll } from './client.ts';

export const releasesQuery = (appId: string) =>
  queryOptions({
    queryKey: ['releases', appId],
    queryFn: ({ signal }) => listAll<ReleaseView>('releases.list', { app_id: appId }, signal),
  });

export const createRelease = (body: ReleaseCreateBody) =>
  api.post<{ release: ReleaseView }>('releases.create', body);
export const updateRelease = (body: ReleaseUpdateBody) => api.post('releases.update', body);
export const setActiveBundle = (body: ReleaseSetActiveBody) => api.post('releases.set-active', body);
export const deleteRelease = (id: string) => api.post('releases.delete', { release_id: id });
