import type { AppFilter } from '../../ports/store.ts';

/** The condition of the documents of the apps that a filter names. */
export function ofApps({ appId, appIds }: AppFilter): {
  readonly app_id?: string | { readonly $in: string[] };
} {
  if (appIds !== undefined) return { app_id: { $in: [...appIds] } };
  return appId === undefined ? {} : { app_id: appId };
}
