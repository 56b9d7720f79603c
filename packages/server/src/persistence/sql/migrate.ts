import { type Kysely, type Migration, Migrator, sql } from 'kysely';
import * as initial from './migrations/0001-initial.ts';
import * as channels from './migrations/0002-channels.ts';
import * as nodes from './migrations/0003-nodes.ts';
import * as manifests from './migrations/0004-manifests.ts';
import * as apiKeys from './migrations/0005-api-keys.ts';
import * as rest from './migrations/0006-rest.ts';
import * as organization from './migrations/0007-organization.ts';
import * as statistics from './migrations/0008-statistics.ts';

/** Forward only; a name, once released, never changes. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001-initial': { up: initial.up },
  '0002-channels': { up: channels.up },
  '0003-nodes': { up: nodes.up },
  '0005-api-keys': { up: apiKeys.up },
  '0008-statistics': { up: statistics.up },
  '0007-organization': { up: organization.up },
  '0006-rest': { up: rest.up },
  '0004-manifests': { up: manifests.up },
};

/** The migrations of a database that this version does not know; none while it has no table of them. */
async function findUnknown(db: Kysely<never>): Promise<readonly string[]> {
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  return rows.map(({ name }) => name).filter((name) => !(name in migrations));
}

/**
 * Brings the database to the newest schema; rejects with the failing migration's error, or with an error of its own
 * when a newer version of the server has migrated it.
 *
 * @param tableSchema where an engine with several schemas in one database creates the tables
 */
export async function migrateToLatest(db: Kysely<never>, tableSchema?: string): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    ...(tableSchema === undefined ? {} : { migrationTableSchema: tableSchema }),
  });
  const { error, results } = await migrator.migrateToLatest();
  if (!error) return;
  // Without results it was refused before anything was done, so that more can be asked in the same transaction.
  const unknown = results === undefined ? await findUnknown(db).catch(() => []) : [];
  if (unknown.length === 0) throw error;
  // Not `unavailable`: waiting does not mend it.
  throw new Error(
    `The database was written by a newer version of this server (${unknown.join(', ')}); start that version`,
  );
}
