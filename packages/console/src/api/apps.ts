import { queryOptions } from '@tanstack/react-query';
import { rest } from './client.ts';

/** An app as the documented REST API shows it; what the console uses of it. */
export interface RestApp {
  readonly app_id: string;
  readonly name: string | null;
  readonly created_at: string | null;
  readonly last_version: string | null;
  /** Seconds after which a bundle that nothing uses is deleted. */
  readonly retention: number;
  readonly expose_metadata: boolean;
  readonly allow_device_custom_id: boolean;
}

export interface AppSummary {
  readonly appId: string;
  /** Its id while nobody has named it. */
  readonly name: string;
  readonly lastVersion: string | null;
}

const rowsAPage = 1_000;

export const appsQuery = queryOptions({
  queryKey: ['apps'],
  queryFn: async ({ signal }): Promise<readonly AppSummary[]> => {
    const apps: RestApp[] = [];
    for (let page = 0; ; page += 1) {
      const rows = await rest.get<readonly RestApp[]>('/app', { page, limit: rowsAPage }, signal);
      apps.push(...rows);
      if (rows.length < rowsAPage) break;
    }
    return apps.map(({ app_id, name, last_version }) => ({
      appId: app_id,
      name: name || app_id,
      lastVersion: last_version,
    }));
  },
});

export const appQuery = (appId: string) =>
  queryOptions({
    queryKey: ['apps', appId],
    queryFn: ({ signal }) => rest.get<RestApp>(`/app/${encodeURIComponent(appId)}`, undefined, signal),
  });

export const createApp = (appId: string, name: string) => rest.send('POST', '/app', { app_id: appId, name });

/** What is left out stays as it is. */
export type AppChange = Partial<
  Pick<RestApp, 'expose_metadata' | 'allow_device_custom_id'> & {
    readonly name: string;
    /** null for never. */
    readonly retention: number | null;
  }
>;

export const changeApp = (appId: string, change: AppChange) =>
  rest.send('PUT', `/app/${encodeURIComponent(appId)}`, change);
export const deleteApp = (appId: string) => rest.send('DELETE', `/app/${encodeURIComponent(appId)}`, {});
