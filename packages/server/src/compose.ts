import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { createBundleUnpacker } from './bundle-archive/unpacker.ts';
import { createZipBundleArchive } from './bundle-archive/zip.ts';
import type { Config } from './config.ts';
import { createDownloadUrls, downloadUrlOf } from './device-api/downloads.ts';
import { describeDeviceRoutes } from './device-api/openapi.ts';
import { renderDeviceError } from './device-api/render-error.ts';
import { addDeviceRoutes, maxDeviceBodyBytes } from './device-api/routes.ts';
import { createUpdateCheckWire } from './device-api/update-check.ts';
import { objectKeyPrefix } from './domain/bundle.ts';
import { AppError } from './domain/errors.ts';
import { claimsNeeded, claimsWelcome } from './domain/sign-in.ts';
import { minFailuresOf } from './domain/update-decision.ts';
import { fallingBack } from './http/falling-back.ts';
import type { Dependency } from './http/health.ts';
import { createMetrics } from './http/metrics.ts';
import { addMetricsRoute } from './http/metrics-route.ts';
import { createNodeLimits } from './http/node-limits.ts';
import { siblingOrigin } from './http/public-origin.ts';
import { createHttpServer } from './http/server.ts';
import { createJobs, logUnbuilt } from './jobs/jobs.ts';
import type { Job } from './jobs/scheduler.ts';
import { createManagementAuth } from './management-api/auth.ts';
import type { ServedDocument } from './management-api/docs-page.ts';
import { createFailedAuthLimit } from './management-api/failed-auth-limit.ts';
import { findOrCreateToken } from './management-api/generated-token.ts';
import { renderManagementError } from './management-api/render-error.ts';
import { toRoutePath } from './management-api/rest/rest-path.ts';
import type { ManagementRoute } from './management-api/route.ts';
import { addManagementRoutes, maxManagementBodyBytes } from './management-api/routes.ts';
import { createCdnLinks } from './object-storage/cdn-links.ts';
import { createExternalObjects } from './object-storage/external.ts';
import { createFilesystemObjectStorage } from './object-storage/filesystem.ts';
import { validated, validatedLinks } from './object-storage/validated.ts';
import { openDatabase, openDatabaseHints, openStoreNow, reasonOf } from './open-database.ts';
import { createOutboundHttp } from './outbound/http.ts';
import { announced } from './persistence/announced.ts';
import { loadApiKeyIndex } from './persistence/api-key-index.ts';
import { groupedDeviceEvents } from './persistence/group-commit.ts';
import { createIds } from './persistence/object-ids.ts';
import { sparing } from './persistence/sparing-hints.ts';
import { lockFolder } from './persistence/sqlite/lock-folder.ts';
import type { ChangeHints } from './ports/change-hints.ts';
import { type Clock, systemClock } from './ports/clock.ts';
import type { ObjectLinks } from './ports/object-links.ts';
import type { ObjectStorage } from './ports/object-storage.ts';
import type { RequestLimits } from './ports/request-limits.ts';
import type { StorageCheck } from './ports/storage-check.ts';
import type { Store } from './ports/store.ts';
import { consoleConnections, consoleFolder, serverFacts } from './server-facts.ts';
import { createApiKeyCallers } from './services/api-key-callers.ts';
import { createApiKeyUses } from './services/api-key-uses.ts';
import { type ApiKeys, createApiKeys } from './services/api-keys.ts';
import { type Apps, createApps } from './services/apps.ts';
import { type Audit, createAudit, deleteOldAudit } from './services/audit.ts';
import { pauseFailingRollouts } from './services/auto-pause.ts';
import { deleteOldBundles } from './services/bundle-retention.ts';
import { type Bundles, createBundles } from './services/bundles.ts';
import { createChangeFollower } from './services/change-follower.ts';
import { createChannelSelf } from './services/channel-self.ts';
import { type Channels, createChannels } from './services/channels.ts';
import { createCheckRecorder } from './services/check-recorder.ts';
import { createDeviceEvents, type DeviceEvents } from './services/device-events.ts';
import { createDevices, type Devices } from './services/devices.ts';
import { deleteOldEvents } from './services/event-retention.ts';
import { createExternalBundles } from './services/external-bundles.ts';
import { createFindFileSizes } from './services/file-sizes.ts';
import { sweepUnusedFiles } from './services/file-sweep.ts';
import { createManifestBuilder } from './services/manifest-builder.ts';
import { createManifests, type Manifests } from './services/manifests.ts';
import { createMembers, type Members } from './services/members.ts';
import { createChecksumSearch } from './services/missing-checksums.ts';
import { createObjectDeletions } from './services/object-deletions.ts';
import { createOrganizations, type Organizations } from './services/organizations.ts';
import { createOverviews } from './services/overview.ts';
import { createPreparedManifests, type PreparedManifests } from './services/prepared-manifests.ts';
import { createReleases, type Releases } from './services/releases.ts';
import { createRolloutHealth } from './services/rollout-health.ts';
import { createSignIn, type SignIn } from './services/sign-in.ts';
import { createStatistics } from './services/statistics.ts';
import { createUpdateChecks, type UpdateChecks } from './services/update-check.ts';
import { createUsage, deleteOldMinutes } from './services/usage.ts';
import { sendDueDeliveries } from './services/webhook-deliveries.ts';
import { queueAuditEvents, queueFailingBundles } from './services/webhook-outbox.ts';
import { createWebhooks, type Webhooks } from './services/webhooks.ts';

/** The server with all its parts, not yet listening. */
export interface Product {
  readonly deviceApi: FastifyInstance;
  readonly managementApi: FastifyInstance;
  readonly metricsApi: FastifyInstance;
  /** Every URL of the management API, with who may ask it. */
  readonly managementRoutes: readonly ManagementRoute[];
  /** The OpenAPI documents that the management API serves. */
  readonly documents: readonly ServedDocument[];
  readonly jobs: readonly Job[];
  readonly services: {
    readonly apps: Apps;
    readonly apiKeys: ApiKeys;
    readonly bundles: Bundles;
    readonly manifests: Manifests;
    readonly preparedManifests: PreparedManifests;
    readonly releases: Releases;
    readonly audit: Audit;
    readonly organizations: Organizations;
    readonly members: Members;
    readonly webhooks: Webhooks;
    readonly channels: Channels;
    readonly devices: Devices;
    readonly deviceEvents: DeviceEvents;
    readonly updateChecks: UpdateChecks;
  };
  readonly store: Store;
  /** The management token if this start made it; to be shown to the operator this once. */
  readonly newToken: string | undefined;
  /** Lets go of the database; to be called after the APIs are closed. */
  close(): Promise<void>;
}

async function openTokens(
  config: Config,
): Promise<{ tokens: readonly string[]; newToken: string | undefined }> {
  if (config.managementApiTokens) return { tokens: config.managementApiTokens, newToken: undefined };
  const { token, isNew } = await findOrCreateToken(join(config.dataDir, 'management-token'));
  return { tokens: [token], newToken: isNew ? token : undefined };
}

/** Undefined when nobody can sign in. */
async function openSignIn({ signIn }: Config, members: Members, clock: Clock): Promise<SignIn | undefined> {
  if (!signIn) return undefined;
  // Here, so that servers without it do not load the library.
  const { createOidcProvider } = await import('./identity/oidc-provider.ts');
  const { issuer, clientId, rules } = signIn;
  const provider = createOidcProvider(
    { issuer, clientId, claimsNeeded: claimsNeeded(rules), claimsWelcome },
    clock,
  );
  return createSignIn({ provider, rules, members });
}

interface BundleFiles {
  readonly objectStorage: ObjectStorage;
  readonly links: ObjectLinks | undefined;
}

function asDataDirError(error: unknown): AppError {
  return new AppError('unavailable', `DATA_DIR cannot be used: ${reasonOf(error)}`, { cause: error });
}

async function openBundleFiles({ dataDir, s3, bundleDelivery }: Config): Promise<BundleFiles> {
  const folder = join(dataDir, 'storage');
  if (!s3) {
    try {
      return { objectStorage: validated(await createFilesystemObjectStorage(folder)), links: undefined };
    } catch (error) {
      throw asDataDirError(error);
    }
  }
  // Here, because loading the SDK takes a tenth of a second and 35 MB that servers without a bucket can do without.
  const { createS3ObjectStorage } = await import('./object-storage/s3.ts');
  const bucket = await createS3ObjectStorage(s3, join(folder, 'staging'));
  const objectStorage = validated(bucket);
  switch (bundleDelivery.kind) {
    case 'proxy':
      return { objectStorage, links: undefined };
    case 'redirect':
      return { objectStorage, links: validatedLinks(bucket) };
    case 'cdn':
      return { objectStorage, links: validatedLinks(createCdnLinks(bundleDelivery.baseUrl)) };
  }
}

/** Takes the folder for this process alone, before anything in it is touched. */
async function openDataDir(config: Config) {
  try {
    await mkdir(config.dataDir, { recursive: true });
    const lock = lockFolder(config.dataDir);
    return { lock, ...(await openTokens(config)) };
  } catch (error) {
    throw asDataDirError(error);
  }
}

/** What nodes share beside the database. */
interface Sharing {
  readonly limits: RequestLimits;
  readonly hints: ChangeHints | undefined;
  close(): Promise<void>;
}

async function openSharing(config: Config, logger: Logger, clock: Clock): Promise<Sharing> {
  const { redisUrl } = config;
  const ofThisNode = createNodeLimits(clock);
  if (redisUrl === undefined) {
    const hints = await openDatabaseHints(config);
    return { limits: ofThisNode, hints, close: async () => hints?.close() };
  }
  // Here, so that servers without it do not load the client.
  const { openRedis } = await import('./redis/open-redis.ts');
  const redis = await openRedis(redisUrl);
  const limits = fallingBack({ shared: redis.limits, ofThisNode, logger });
  const hints = sparing(redis.hints);
  return {
    ...{ limits, hints },
    async close() {
      limits.close();
      await hints.close();
      await redis.close();
    },
  };
}

/**
 * Puts the product together: the only place that knows every adapter. Rejects when a part cannot be opened.
 *
 * @param stop ends waiting for a database that is not there yet
 */
export async function composeProduct(
  config: Config,
  logger: Logger,
  clock: Clock = systemClock,
  stop: AbortSignal = new AbortController().signal,
): Promise<Product> {
  const ids = createIds(clock);
  const metrics = createMetrics();

  const { lock, tokens, newToken } = await openDataDir(config);
  const release = (error: unknown): never => {
    lock.release();
    throw error;
  };
  const { objectStorage, links } = await openBundleFiles(config).catch(release);
  const rules = { failedBundleRetries: config.failedBundleRetries };
  const opening = openDatabase(config, { logger, minFailures: minFailuresOf(rules), clock, stop });
  const { store: opened, appSnapshots, deviceStates, apiKeyIndex, revision } = await opening.catch(release);
  const archive = createZipBundleArchive();
  const sharing = await openSharing(config, logger, clock);
  const store = sharing.hints ? announced(opened, sharing.hints) : opened;

  const follower = createChangeFollower({
    ...{ changeLog: store, appSnapshots, deviceStates, apiKeys: apiKeyIndex, clock, revision },
  });
  // A failure is the job's to tell, which asks again anyway.
  sharing.hints?.onHint(() => void follower.follow().catch(() => undefined));
  metrics.showSnapshotAge(() => (clock.now() - follower.confirmedAtMs) / 1000);

  const objectDeletions = createObjectDeletions({ store, objectStorage, clock });
  const outbound = createOutboundHttp({ allowPrivate: config.allowPrivateUrls });
  const audit = createAudit({ store });
  const organizations = createOrganizations({ store, clock });
  const members = createMembers({ store, clock });
  const webhooks = createWebhooks({ store, outbound, allowAddresses: config.allowPrivateUrls, clock });
  const apps = createApps({ store, appSnapshots, objectDeletions, clock });
  const limits = { maxBundleBytes: config.maxBundleBytes, maxUnpackedBytes: config.maxUnpackedBytes };
  const bundles = createBundles({
    ...{ store, objectStorage, archive, appSnapshots, objectDeletions },
    ...{ clock, ids, limits },
  });
  const externalBundles = createExternalBundles({
    ...{ bundles, maxBundleBytes: config.maxBundleBytes, isVerifying: config.verifyExternalBundles },
    outbound,
  });
  const node = ids.next();
  const manifests = createManifests({ store });
  const preparedManifests = createPreparedManifests({
    ...{ store, objectStorage, appSnapshots, clock, ids },
    maxFileBytes: config.maxBundleBytes,
  });
  const manifestBuilder = createManifestBuilder({
    ...{ store, objectStorage, appSnapshots, clock, ids, node },
    unpacker: createBundleUnpacker(config.brotliQuality),
    onUnbuilt: logUnbuilt(logger),
  });
  const releases = createReleases({ store, appSnapshots, clock, ids });
  const channels = createChannels({ store, appSnapshots, clock, ids });
  const devices = createDevices({ store, deviceStates, clock });
  const apiKeys = createApiKeys({ store, index: apiKeyIndex, organizations, clock });
  const keyUses = createApiKeyUses({ store, clock });
  const log = groupedDeviceEvents(store);
  const deviceEvents = createDeviceEvents({ log, appSnapshots, deviceStates, clock, ids, rules });
  const recorder = createCheckRecorder({ counters: store, deviceEvents, clock });
  metrics.showUnrecordedChecks(() => recorder.droppedCount);
  const usage = createUsage({ store, appSnapshots, clock });
  const updateChecks = createUpdateChecks({ appSnapshots, deviceStates, recorder, usage, rules });
  const channelSelf = createChannelSelf({ store, appSnapshots, deviceStates, clock });
  const downloadUrls = createDownloadUrls(config.publicUrl);
  const dependencies: readonly Dependency[] = [
    { name: 'database', ping: () => store.ping() },
    { name: 'object storage', ping: () => objectStorage.ping() },
  ];

  const common = { logger, metrics, trustedProxies: config.trustedProxies };
  const deviceApi = createHttpServer({
    ...common,
    name: 'device',
    tls: config.tls,
    maxBodyBytes: maxDeviceBodyBytes,
    renderError: renderDeviceError,
  });
  addDeviceRoutes(deviceApi, {
    ...{
      updateChecks,
      deviceEvents,
      channelSelf,
      recorder,
      objectStorage,
      links,
      downloadUrls,
      usage,
      metrics,
      clock,
      dependencies,
    },
    limits: sharing.limits,
    findFileSizes: createFindFileSizes({ store, appSnapshots }),
    checksPerMinute: config.limitRequestPerMinute,
    corsAllowedOrigins: config.corsAllowedOrigins,
  });

  const metricsApi = createHttpServer({
    ...common,
    name: 'metrics',
    maxBodyBytes: maxManagementBodyBytes,
    renderError: renderManagementError,
  });
  addMetricsRoute(metricsApi, metrics);

  const deviceUrlOf = (request: FastifyRequest) =>
    config.publicUrl ?? siblingOrigin(request, portOf(deviceApi));
  const managementApi = createHttpServer({
    ...common,
    name: 'management',
    tls: config.tls,
    maxBodyBytes: maxManagementBodyBytes,
    renderError: renderManagementError,
    toRoutePath,
  });
  const { routes: managementRoutes, documents } = await addManagementRoutes(managementApi, {
    ...{ bundles, manifests, releases, deviceEvents, devices, updateChecks, apiKeys, dependencies },
    findRolloutHealth: createRolloutHealth({ log: store, appSnapshots, clock }),
    ...{ apps, channels, externalBundles, appSnapshots, clock, organizations, members, audit, webhooks },
    objectUrls: (request) => {
      const base = deviceUrlOf(request);
      return (objectKey) => downloadUrlOf(base, objectKey);
    },
    counters: store,
    statistics: createStatistics({ store, clock }),
    overviews: createOverviews({ store, clock }),
    updateCheckWire: createUpdateCheckWire((objectKey, request) =>
      downloadUrlOf(deviceUrlOf(request), objectKey),
    ),
    auth: createManagementAuth({
      tokens,
      apiKeys: createApiKeyCallers({ index: apiKeyIndex, follower, uses: keyUses, clock }),
      signIn: await openSignIn(config, members, clock),
      failures: createFailedAuthLimit(sharing.limits, clock, (ip) => {
        logger.warn(
          { event: 'auth_closed', ip },
          'too many wrong credentials: this address is refused for a while',
        );
      }),
    }),
    bundleUrls: (request) => {
      const base = deviceUrlOf(request);
      return (bundle) => bundle.externalUrl ?? downloadUrlOf(base, bundle.objectKey ?? '');
    },
    server: {
      ...serverFacts(config),
      ports: () => ({
        device: portOf(deviceApi),
        management: portOf(managementApi),
        metrics: portOf(metricsApi),
      }),
      storageCheck: composeStorageCheck(config, clock),
      deviceUrl: deviceUrlOf,
    },
    console: {
      folder: consoleFolder,
      connectOrigins: (request) => consoleConnections(config, deviceUrlOf(request)),
      frameOrigin: config.oauthIssuer && new URL(config.oauthIssuer).origin,
    },
    oauth: { issuer: config.oauthIssuer ?? '', clientId: config.oauthClientId ?? '' },
    otherDocuments: [{ name: 'Device API', file: 'openapi-device.json', read: describeDeviceRoutes }],
  });

  const checksumSearch = createChecksumSearch({
    ...{ store, externalObjects: createExternalObjects(), appSnapshots, clock },
    maxBundleBytes: config.maxBundleBytes,
  });
  const { jobs, giveUpLeases } = createJobs({
    ...{ logger, clock, leases: store, node, follower, manifestBuilder },
    refreshAllEveryMs: config.cacheResultDurationMs,
    recordChecks: () => recorder.flush(),
    recordUsage: () => usage.flush(),
    refreshMissed: () => Promise.all([appSnapshots.refreshMissed(), deviceStates.refreshMissed()]),
    recordKeyUses: () => keyUses.flush(),
    refreshAll: () =>
      Promise.all([appSnapshots.refreshAll(), deviceStates.refreshAll(), apiKeyIndex.refresh()]),
    sweepFiles: () => sweepUnusedFiles({ store, clock }),
    ...{ objectDeletions, checksumSearch },
    pauseFailingRollouts: () => pauseFailingRollouts({ store, log, channels, appSnapshots, clock }),
    deleteOldEvents: () => deleteOldEvents({ store, clock, retentionDays: config.statsRetentionDays }),
    deleteOldChanges: () => store.deleteOldChanges(),
    deleteOldMinutes: () => deleteOldMinutes({ store, clock }),
    deleteOldAudit: () => deleteOldAudit({ store, clock, retentionDays: config.auditRetentionDays }),
    queueWebhookEvents: () => queueAuditEvents({ store, clock }),
    queueFailingBundles: () => queueFailingBundles({ store, log, appSnapshots, clock }),
    sendWebhookEvents: () => sendDueDeliveries({ store, outbound, clock, random: Math.random }),
    deleteOldBundles: () => deleteOldBundles({ store, bundles, appSnapshots, clock }),
    deleteExpiredOverrides: () => devices.deleteExpiredOverrides(),
    purgeDeletedApps: () => apps.purgeDeleted(),
  });
  return {
    ...{ deviceApi, managementApi, metricsApi, managementRoutes, documents, jobs, newToken },
    services: {
      apps,
      apiKeys,
      bundles,
      manifests,
      preparedManifests,
      ...{ releases, channels, devices, deviceEvents, updateChecks, audit, organizations, members, webhooks },
    },
    store,
    async close() {
      for (const last of await Promise.allSettled([recorder.flush(), usage.flushAll()])) {
        if (last.status === 'fulfilled') continue;
        logger.warn(
          { event: 'unrecorded_checks', err: last.reason },
          'the last update checks could not be recorded',
        );
      }
      // What is lost of them is a minute of when a key was used.
      await keyUses.flush().catch(() => undefined);
      await giveUpLeases();
      await sharing.close();
      await store.close();
      lock.release();
    },
  };
}

/**
 * Opens the API keys in the database, without a server. Other processes may work on the same database: SQLite's own locks
 * keep their writes apart, and a server that runs hears of each change from the log of changes. DATA_DIR's lock is not
 * taken, because nothing but the database is touched. Rejects with `unavailable` when the database cannot be opened now.
 */
export async function composeApiKeys(
  config: Config,
  clock: Clock = systemClock,
): Promise<{ readonly apiKeys: ApiKeys; close(): Promise<void> }> {
  if (config.databaseUrl === 'sqlite::memory:') {
    throw new AppError(
      'unavailable',
      'DATABASE_URL is in the memory of another process; make keys through its management API (POST /apikey)',
    );
  }
  const store = await openStoreNow(config);
  const index = await loadApiKeyIndex(store);
  const organizations = createOrganizations({ store, clock });
  const apiKeys = createApiKeys({ store, index, organizations, clock });
  return { apiKeys, close: () => store.close() };
}

/** Puts together a check of the place for bundles, without a server: one that runs already is not disturbed. */
export function composeStorageCheck(config: Config, clock: Clock = systemClock): StorageCheck {
  const { s3, bundleDelivery, publicUrl } = config;
  return async function* () {
    if (!s3) {
      const folder = join(config.dataDir, 'storage');
      await mkdir(folder, { recursive: true });
      const { checkFilesystem } = await import('./object-storage/filesystem-check.ts');
      yield* checkFilesystem(folder);
      return;
    }
    const { checkS3 } = await import('./object-storage/s3-check.ts');
    yield* checkS3({
      ...{ settings: s3, keyPrefix: objectKeyPrefix, clock },
      isRedirecting: bundleDelivery.kind === 'redirect',
      cdnLinks: bundleDelivery.kind === 'cdn' ? createCdnLinks(bundleDelivery.baseUrl) : undefined,
      ownUrlOf: publicUrl === undefined ? undefined : (key) => downloadUrlOf(publicUrl, key),
    });
  };
}

/** The port a listening server has; its configured one may be 0. */
export function portOf(server: FastifyInstance): number {
  const address = server.server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
