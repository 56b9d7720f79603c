import { type RawBuilder, sql } from 'kysely';
import type { AppFilter } from '../../ports/store.ts';

/** The condition of the rows of the apps that a filter names. */
export function ofApps({ appId, appIds }: AppFilter): RawBuilder<boolean> {
  const named = appIds ?? (appId === undefined ? undefined : [appId]);
  if (named === undefined) return sql<boolean>`1 = 1`;
  if (named.length === 0) return sql<boolean>`1 = 0`;
  return sql<boolean>`app_id in (${sql.join(named)})`;
}
