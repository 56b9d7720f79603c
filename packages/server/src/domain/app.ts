import { type Platform, platforms } from '@capgo-server/protocol/formats/identifiers';
import type { Bundle } from './bundle.ts';
import type { Channel } from './channel.ts';
import type { Manifest } from './manifest.ts';
import { type Release, releaseKey } from './release.ts';

/** What an operator decides for an app as a whole. */
export interface AppSettings {
  /** Whether devices are told the link and the comment of a bundle they get. */
  readonly exposeMetadata: boolean;
  /** Whether devices may name themselves by a custom id (protocol §1.7). */
  readonly allowDeviceCustomId: boolean;
}

/** Of an app whose operator has decided nothing yet. */
export const appSettingDefaults: AppSettings = { exposeMetadata: false, allowDeviceCustomId: true };

/** What operators say of an app that no device is told. */
export interface AppProfile {
  /** For people; null for none. */
  readonly name: string | null;
  /** A URL or a text; '' for none. */
  readonly icon: string;
  /** Bundles that nothing uses are deleted when they are so old, in seconds; null for never. */
  readonly retentionSeconds: number | null;
  /** The channel that uploads go to which name none. */
  readonly defaultUploadChannel: string;
  /** This and the next four are kept for clients that set them, and have no effect here. */
  readonly needOnboarding: boolean;
  readonly existingApp: boolean;
  readonly blockProviderInfraRequests: boolean;
  readonly iosStoreUrl: string | null;
  readonly androidStoreUrl: string | null;
}

/** Of an app that nobody has said anything of: above all, nothing of it is ever deleted by age. */
export const appProfileDefaults: AppProfile = {
  name: null,
  icon: '',
  retentionSeconds: null,
  defaultUploadChannel: 'dev',
  needOnboarding: false,
  existingApp: false,
  blockProviderInfraRequests: false,
  iosStoreUrl: null,
  androidStoreUrl: null,
};

/** Retention at which, and over which, nothing is ever deleted: two years, to the second. */
export const endlessRetentionSeconds = 63_113_904;

/** An app as operators know it. */
export interface AppRecord extends AppSettings, AppProfile {
  readonly appId: string;
  /** The organization it belongs to. */
  readonly organizationId: string;
  /** 0 when nobody knows. */
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** Everything stored of one app that an update decision can need and that is common to its devices. */
export interface AppState {
  readonly appId: string;
  readonly settings: AppSettings;
  readonly releases: readonly Release[];
  readonly channels: readonly Channel[];
  /** Every bundle that was not deleted. */
  readonly bundles: readonly Bundle[];
}

export interface ServedRelease {
  readonly release: Release;
  /** Undefined while the release serves its builtin bundle. */
  readonly activeBundle: Bundle | undefined;
}

export interface ServedChannel {
  readonly channel: Channel;
  /** Undefined while the channel serves builtin. */
  readonly bundle: Bundle | undefined;
  readonly rolloutBundle: Bundle | undefined;
}

/** What is common to all devices of an app, laid out for look-ups; replaced as a whole when the app changes. */
export interface AppSnapshot {
  readonly appId: string;
  readonly settings: AppSettings;
  /** By `releaseKey`. */
  readonly releases: ReadonlyMap<string, ServedRelease>;
  readonly channelsById: ReadonlyMap<number, ServedChannel>;
  readonly channelsByName: ReadonlyMap<string, ServedChannel>;
  /** Of several the first by name, then by id (protocol §2.2). */
  readonly publicChannels: Readonly<Record<Platform, ServedChannel | undefined>>;
  readonly bundlesById: ReadonlyMap<string, Bundle>;
  readonly bundlesByName: ReadonlyMap<string, Bundle>;
  /** By bundle, of those that are served and have one. */
  readonly manifests: ReadonlyMap<string, Manifest>;
}

function compareChannels(left: ServedChannel, right: ServedChannel): number {
  if (left.channel.name !== right.channel.name) return left.channel.name < right.channel.name ? -1 : 1;
  return left.channel.id - right.channel.id;
}

/** The bundles that devices can be given. */
export function servedBundles({ releases, channels, bundles }: AppState): readonly Bundle[] {
  const ids = new Set([
    ...releases.map(({ activeBundleId }) => activeBundleId),
    ...channels.flatMap(({ bundleId, rollout }) => [bundleId, rollout.bundleId]),
  ]);
  return bundles.filter(({ id }) => ids.has(id));
}

/** @param manifests of the served bundles, by bundle */
export function buildAppSnapshot(
  state: AppState,
  manifests: ReadonlyMap<string, Manifest> = new Map(),
): AppSnapshot {
  const bundles = new Map(state.bundles.map((bundle) => [bundle.id, bundle]));
  const find = (id: string | null) => (id === null ? undefined : bundles.get(id));

  const releases = new Map<string, ServedRelease>();
  for (const release of state.releases) {
    const key = releaseKey(release.platform, release.versionName, release.versionCode);
    releases.set(key, { release, activeBundle: find(release.activeBundleId) });
  }

  const channels = state.channels
    // A channel that points at a deleted bundle is as good as none (protocol §2.2).
    .filter((channel) => channel.bundleId === null || bundles.has(channel.bundleId))
    .map((channel): ServedChannel => {
      return { channel, bundle: find(channel.bundleId), rolloutBundle: find(channel.rollout.bundleId) };
    })
    .sort(compareChannels);
  const publicOn = (platform: Platform) =>
    channels.find(({ channel }) => channel.isPublic && channel.platforms[platform]);

  return {
    appId: state.appId,
    settings: state.settings,
    releases,
    channelsById: new Map(channels.map((served) => [served.channel.id, served])),
    channelsByName: new Map(channels.map((served) => [served.channel.name, served])),
    publicChannels: Object.fromEntries(platforms.map((platform) => [platform, publicOn(platform)])) as Record<
      Platform,
      ServedChannel | undefined
    >,
    bundlesById: bundles,
    bundlesByName: new Map(state.bundles.map((bundle) => [bundle.versionName, bundle])),
    manifests,
  };
}
