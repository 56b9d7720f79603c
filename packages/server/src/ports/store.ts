import type { ChangedBy } from '../domain/actor.ts';
import type { AppState } from '../domain/app.ts';
import type { Bundle } from '../domain/bundle.ts';
import type { Channel } from '../domain/channel.ts';
import type { Deployment, DeploymentTarget } from '../domain/deployment.ts';
import type { DeviceKey } from '../domain/device.ts';
import type { Release } from '../domain/release.ts';
import type { ApiKeyStore } from './api-keys.ts';
import type { AppRecords } from './app-records.ts';
import type { AuditLog } from './audit.ts';
import type { BundleRecords } from './bundle-records.ts';
import type { ChangeLog, Leases } from './changes.ts';
import type { CounterReader, DeviceEventLog, DeviceInventory } from './device-events.ts';
import type { ManifestStore } from './manifests.ts';
import type { MemberStore, OrganizationStore } from './organizations.ts';
import type { Page, PageRequest } from './page.ts';
import type { StatisticsStore } from './statistics.ts';
import type { DeliveryStore, WebhookStore } from './webhooks.ts';

/**
 * Every method is one atomic step: it happens whole or not at all, also when several run at once on several nodes.
 * That is why there is no transaction to hold open: an engine without transactions can keep the same promises.
 * Who changes what operators see says who they are (`by`), and the change is in the audit log in the same step; what
 * devices tell and do for themselves, and what is only counted, is not audited.
 * A store that cannot be reached, or refuses writes, rejects with `unavailable`; a full disk with
 * `insufficient_storage`.
 */
export interface Store
  extends BundleStore,
    BundleRecords,
    ManifestStore,
    MissingChecksums,
    ReleaseStore,
    ChannelStore,
    DeploymentLog,
    AppStateReader,
    AppRecords,
    DeviceStateStore,
    PlannedDeletions,
    DeviceEventLog,
    CounterReader,
    DeviceInventory,
    ApiKeyStore,
    StatisticsStore,
    ChangeLog,
    Leases,
    AuditLog,
    OrganizationStore,
    MemberStore,
    WebhookStore,
    DeliveryStore {
  /** Rejects with `unavailable` when the store does not answer. */
  ping(): Promise<void>;
  /** Finishes what is under way and lets go of the database. */
  close(): Promise<void>;
}

/** Which apps something is asked of; all of them when nothing is said. */
export interface AppFilter {
  readonly appId?: string | undefined;
  readonly appIds?: readonly string[] | undefined;
}

export interface BundleStore {
  /**
   * Adds a bundle under a number that was never used (`BundleRecord`), registers its app if it is the first thing of it,
   * and takes back the planned deletion of its object. Rejects with `version_already_exists` when the app has, or ever had, a bundle of that version name;
   * of two at once exactly one wins.
   */
  insertBundle(bundle: Bundle, by: ChangedBy): Promise<void>;
  /** Whether the app has, or ever had, a bundle of that version name. */
  isVersionNameTaken(appId: string, versionName: string): Promise<boolean>;
  /** The bundle, unless it was deleted. */
  findBundle(id: string): Promise<Bundle | undefined>;
  /** Bundles that were not deleted, of some apps or of all; paging holds while bundles are added and deleted. */
  listBundles(filter: AppFilter, page: PageRequest): Promise<Page<Bundle>>;
  /**
   * Marks the bundle deleted, plans the deletion of its object for that time, forgets what devices failed to install of
   * it, and marks the files of its manifest that no other bundle has as unused; its version name stays taken.
   * Rejects with `bundle_not_found`, or with `bundle_in_use` (details `release_ids`, `channel_ids`) while a release has
   * it as builtin or active bundle or a channel as stable or rollout bundle. Neither can come to use it at the same
   * moment.
   */
  deleteBundle(id: string, by: ChangedBy): Promise<Bundle>;
}

/** Bundles that an older server wrote, which knew no SHA-256: they lie elsewhere and their checksum is ''. */
export interface MissingChecksums {
  /** Those that were not deleted, the latest id first; only those before an id when one is given. */
  listBundlesWithoutChecksum(limit: number, beforeId?: string): Promise<readonly Bundle[]>;
  /**
   * Gives such a bundle its checksum and size; answers whether it did. A bundle that has a checksum, was deleted or is
   * ours to store stays as it is.
   */
  setMissingChecksum(
    id: string,
    found: { readonly checksum: string; readonly sizeBytes: number },
    by: ChangedBy,
  ): Promise<boolean>;
}

export interface ReleaseStore {
  /**
   * Adds a release and registers its app if it is the first thing of it. Rejects with `release_already_exists`
   * for the same app, platform, version name and version code, and with `bundle_not_found` when the builtin bundle
   * is not a bundle of the app.
   */
  insertRelease(release: Release, by: ChangedBy): Promise<void>;
  findRelease(id: string): Promise<Release | undefined>;
  /** Of some apps or of all. */
  listReleases(filter: AppFilter, page: PageRequest): Promise<Page<Release>>;
  /** Rejects with `release_not_found`. */
  setReleaseDate(id: string, releaseDateMs: number | null, by: ChangedBy): Promise<Release>;
  /**
   * Makes the deployment's bundle the active one, or none, and logs the deployment in the same step. Rejects with
   * `release_not_found`, and with `bundle_not_found` when the bundle is not one of the release's app.
   */
  deployToRelease(id: string, deployment: NewDeployment, by: ChangedBy): Promise<Release>;
  /** Deletes and answers what was deleted; rejects with `release_not_found`. */
  deleteRelease(id: string, by: ChangedBy): Promise<Release>;
}

/** A deployment whose app and target the store knows. */
export type NewDeployment = Omit<Deployment, 'appId' | 'target'>;

/** What a change makes of a channel: what it is then, and the deployment when devices may then get something else. */
export interface ChannelChange {
  readonly channel: Channel;
  readonly deployment?: NewDeployment | undefined;
}

export interface ChannelStore {
  /**
   * Adds a channel under a number that was never used and registers its app if it is the first thing of it. Rejects with
   * `channel_already_exists` for a name its app has, and with `bundle_not_found` as `updateChannel` does. One that is
   * public takes that from the others, as there.
   */
  insertChannel(
    channel: Omit<Channel, 'id'>,
    deployment: NewDeployment | undefined,
    by: ChangedBy,
  ): Promise<Channel>;
  /**
   * Applies a pure change to the channel as it is at that moment: of changes made at once none is lost. Logs the
   * deployment in the same step. When the channel is public afterwards, every other public channel of the app that
   * shares a platform stops being public. Rejects with `channel_not_found`, `channel_already_exists` when the new name
   * is taken, `bundle_not_found` when a bundle it is to serve is not one of its app, and with the change's own error.
   */
  updateChannel(id: number, change: (current: Channel) => ChannelChange, by: ChangedBy): Promise<Channel>;
  findChannel(id: number): Promise<Channel | undefined>;
  /** By name. */
  listChannels(appId: string): Promise<readonly Channel[]>;
  /** Every channel with a rollout that may pause itself. */
  listAutoPausingChannels(): Promise<readonly Channel[]>;
  /** Deletes it with what devices chose and operators pinned; its deployments stay. Rejects with `channel_not_found`. */
  deleteChannel(id: number, by: ChangedBy): Promise<Channel>;
}

export interface DeploymentLog {
  /** Newest first: in the order in which they were made, also when a clock was set back meanwhile. */
  listDeployments(target: DeploymentTarget, page: PageRequest): Promise<Page<Deployment>>;
}

/** One thing that is remembered of a device; what it is remembered for is a `DeviceState`. */
export type DeviceFact = DeviceKey &
  (
    | { readonly kind: 'override'; readonly channelId: number; readonly expiresAtMs: number | null }
    | { readonly kind: 'self_set'; readonly channelId: number }
    | { readonly kind: 'failed_install'; readonly versionName: string; readonly failures: number }
  );

export interface DeviceStateStore {
  /**
   * Pins the device to a channel of its app in place of what it was pinned to, or unpins it with null. Rejects with
   * `channel_not_found`.
   *
   * @param expiresAtMs until when; null for as long as nobody unpins it
   */
  setDeviceOverride(
    device: DeviceKey,
    channelId: number | null,
    expiresAtMs: number | null,
    by: ChangedBy,
  ): Promise<void>;
  /** Unpins at most `limit` devices whose pins have ended by then, the longest ago first; answers which. */
  deleteExpiredOverrides(limit: number, by: ChangedBy): Promise<readonly DeviceKey[]>;
  /** How many devices of each of the apps are pinned; an app of which none is may be left out. */
  countDeviceOverrides(appIds: readonly string[], nowMs: number): Promise<ReadonlyMap<string, number>>;
  /** Keeps or forgets the channel a device chose. Rejects with `channel_not_found`. */
  setSelfSetChannel(device: DeviceKey, channelId: number | null): Promise<void>;
  /** Forgets a device's failures of one bundle, or of all. */
  clearFailedInstalls(device: DeviceKey, versionName?: string): Promise<void>;
  /** Forgets at most `limit` bundles that failed on a device and did not fail again since a time; answers how many. */
  deleteFailedInstallsBefore(timeMs: number, limit: number): Promise<number>;
  /** Bundles that failed, since a time, on at least so many devices; of each how many devices it were. */
  listFailingBundles(
    sinceMs: number,
    minDevices: number,
  ): Promise<readonly { readonly appId: string; readonly versionName: string; readonly devices: number }[]>;
  /**
   * What is remembered of those devices, as of one moment.
   *
   * @param minFailures bundles that failed less often on the device are left out; null leaves out all
   */
  readDeviceFacts(devices: readonly DeviceKey[], minFailures: number | null): Promise<readonly DeviceFact[]>;
  /**
   * What is remembered of all devices, in parts, so that neither the store nor its reader is held up by the whole. What
   * is there from the first part to the last is told at least once; failures the longest ago first.
   */
  readAllDeviceFacts(minFailures: number | null): AsyncIterable<readonly DeviceFact[]>;
}

export interface AppStateReader {
  /** One app as of one moment; undefined when it is not registered. */
  readAppState(appId: string): Promise<AppState | undefined>;
  /** All apps. Each is as of one moment. */
  readAllAppStates(): Promise<readonly AppState[]>;
}

/**
 * Objects that are to be deleted from object storage. An object is planned for deletion before it is stored and the
 * plan is taken back by the row that owns it, so a crash at any point leaves neither a row without its object nor an
 * object that nobody will ever delete.
 */
export interface PlannedDeletions {
  planObjectDeletion(objectKey: string, dueAtMs: number): Promise<void>;
  /** The same of many, all or none. */
  planObjectDeletions(objectKeys: readonly string[], dueAtMs: number): Promise<void>;
  /** Keys due at that time, oldest first. */
  listDueObjectDeletions(nowMs: number, limit: number): Promise<readonly string[]>;
  /** Takes a plan back, or off the list once it is done; an unknown key is no error. */
  forgetObjectDeletion(objectKey: string): Promise<void>;
}
