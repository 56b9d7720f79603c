import { sql } from 'kysely';
import type { Store } from '../../ports/store.ts';
import { createSqlApiKeys } from './api-keys.ts';
import { createSqlAppRecords } from './app-records.ts';
import { createSqlAppStates } from './apps.ts';
import { createSqlAudit } from './audit.ts';
import { createSqlBundleRecords } from './bundle-records.ts';
import { createSqlBundles, createSqlMissingChecksums } from './bundles.ts';
import { createSqlChanges } from './changes.ts';
import { createSqlChannels } from './channels.ts';
import { createSqlCounters } from './counters.ts';
import { createSqlDeliveries } from './deliveries.ts';
import { createSqlDeployments } from './deployments.ts';
import { createSqlDeviceEvents } from './device-events.ts';
import { createSqlDeviceStates } from './device-states.ts';
import { createSqlDevices } from './devices.ts';
import { createSqlLeases } from './leases.ts';
import { createSqlManifests } from './manifests.ts';
import { createSqlMembers, createSqlOrganizations } from './organizations.ts';
import { createSqlPlannedDeletions } from './planned-deletions.ts';
import { createSqlReleases } from './releases.ts';
import type { SqlDatabase } from './schema.ts';
import { createSqlStatistics } from './statistics.ts';
import { createSqlWebhooks } from './webhooks.ts';

/** The Store over a migrated SQL database, which it closes with itself. */
export function createSqlStore(database: SqlDatabase): Store {
  return {
    ...createSqlAppStates(database),
    ...createSqlAppRecords(database),
    ...createSqlBundles(database),
    ...createSqlBundleRecords(database),
    ...createSqlMissingChecksums(database),
    ...createSqlManifests(database),
    ...createSqlReleases(database),
    ...createSqlChannels(database),
    ...createSqlDeployments(database),
    ...createSqlDeviceStates(database),
    ...createSqlDeviceEvents(database),
    ...createSqlCounters(database),
    ...createSqlDevices(database),
    ...createSqlStatistics(database),
    ...createSqlPlannedDeletions(database),
    ...createSqlApiKeys(database),
    ...createSqlChanges(database),
    ...createSqlLeases(database),
    ...createSqlAudit(database),
    ...createSqlOrganizations(database),
    ...createSqlMembers(database),
    ...createSqlWebhooks(database),
    ...createSqlDeliveries(database),
    async ping() {
      await database.ping();
      await sql`select 1 from apps limit 1`.execute(database.db);
    },
    close: () => database.close(),
  };
}
