import type { BundleView } from '@capgo-server/protocol/management/bundles';
import type { ReleaseView } from '@capgo-server/protocol/management/releases';
import { queryOptions } from '@tanstack/react-query';
import { listAll } from './client.ts';

export interface AppSummary {
  readonly appId: string;
  readonly name: string;
}

export const appsQuery = queryOptions({
  queryKey: ['apps'],
  queryFn: async ({ signal }): Promise<readonly AppSummary[]> => {
    const [bundles, releases] = await Promise.all([
      listAll<BundleView>('bundles.list', {}, signal),
      listAll<ReleaseView>('releases.list', {}, signal),
    ]);
    const ids = new Set([...bundles, ...releases].map(({ app_id }) => app_id));
    return [...ids].sort().map((appId) => ({ appId, name: appId }));
  },
});
