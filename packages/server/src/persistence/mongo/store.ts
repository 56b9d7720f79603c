import { AppError } from '../../domain/errors.ts';
import type { Store } from '../../ports/store.ts';
import { createMongoApiKeys } from './api-keys.ts';
import { createMongoAppRecords } from './app-records.ts';
import { createMongoAppStates } from './apps.ts';
import { createMongoAudit } from './audit.ts';
import { createMongoBundleRecords } from './bundle-records.ts';
import { createMongoBundles, createMongoMissingChecksums } from './bundles.ts';
import { createMongoChanges } from './changes.ts';
import { createMongoChannels } from './channels.ts';
import { createMongoCounters } from './counters.ts';
import type { MongoDatabase } from './database.ts';
import { createMongoDeliveries } from './deliveries.ts';
import { createMongoDeployments } from './deployments.ts';
import { createMongoDeviceEvents } from './device-events.ts';
import { createMongoDeviceStates } from './device-states.ts';
import { createMongoDevices } from './devices.ts';
import { translateError } from './errors.ts';
import { createMongoLeases } from './leases.ts';
import { createMongoManifests } from './manifests.ts';
import { createMongoMembers, createMongoOrganizations } from './organizations.ts';
import { createMongoPlannedDeletions } from './planned-deletions.ts';
import { createMongoReleases } from './releases.ts';
import { createMongoStatistics } from './statistics.ts';
import { createMongoWebhooks } from './webhooks.ts';

type Method = (...parameters: unknown[]) => unknown;

/** The one method that answers in parts. */
const inParts: keyof Store = 'readAllDeviceFacts';

/** The Store over a migrated MongoDB database, which it closes with itself. */
export function createMongoStore(database: MongoDatabase): Store {
  const underWay = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;

  function refuseWhenClosed(): void {
    if (closing !== undefined) throw new AppError('unavailable', 'The database connection is closed');
  }

  async function* guardedParts(parts: AsyncIterable<unknown>): AsyncGenerator<unknown> {
    refuseWhenClosed();
    try {
      yield* parts;
    } catch (error) {
      throw translateError(error);
    }
  }

  /** With errors in our words, and waited for by `close`. */
  function guarded<Methods extends object>(methods: Methods): Methods {
    const entries = Object.entries(methods as Record<string, Method>).map(([name, method]) => [
      name,
      (...parameters: unknown[]) => {
        const call = async (): Promise<unknown> => {
          refuseWhenClosed();
          try {
            return await method(...parameters);
          } catch (error) {
            throw translateError(error);
          }
        };
        if (name === inParts) return guardedParts(method(...parameters) as AsyncIterable<unknown>);
        const called = call();
        underWay.add(called);
        const done = () => underWay.delete(called);
        called.then(done, done);
        return called;
      },
    ]);
    return Object.fromEntries(entries);
  }

  return {
    ...guarded({
      ...createMongoAppStates(database),
      ...createMongoAppRecords(database),
      ...createMongoBundles(database),
      ...createMongoBundleRecords(database),
      ...createMongoMissingChecksums(database),
      ...createMongoManifests(database),
      ...createMongoReleases(database),
      ...createMongoChannels(database),
      ...createMongoDeployments(database),
      ...createMongoDeviceStates(database),
      ...createMongoDeviceEvents(database),
      ...createMongoCounters(database),
      ...createMongoDevices(database),
      ...createMongoStatistics(database),
      ...createMongoPlannedDeletions(database),
      ...createMongoApiKeys(database),
      ...createMongoChanges(database),
      ...createMongoLeases(database),
      ...createMongoAudit(database),
      ...createMongoOrganizations(database),
      ...createMongoMembers(database),
      ...createMongoWebhooks(database),
      ...createMongoDeliveries(database),
      ping: () => database.ping(),
    }),
    close() {
      closing ??= (async () => {
        await Promise.allSettled(underWay);
        await database.close();
      })();
      return closing;
    },
  };
}
