import type { ChangedBy } from '../../domain/actor.ts';
import type { Store } from '../../ports/store.ts';
import {
  buildAppRecord,
  buildBundle,
  buildDelivery,
  buildMember,
  buildNewApiKey,
  buildNewChannel,
  buildNewDeployment,
  buildOrganization,
  buildRelease,
  buildWebhook,
  newKeyHash,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../../testing/builders.ts';

/** What one call leaves in the log, oldest first: the table, the operation and the fields it changes. */
type Told = readonly [table: string, operation: string, changedFields: readonly string[] | null];

/** A call of a method, after what it needs was prepared; answers what it is to leave in the log. */
export type AuditedCall = (
  store: Store,
  appId: string,
  by: ChangedBy,
) => Promise<() => Promise<readonly Told[]>>;

const inserted = (table: string): Told => [table, 'INSERT', null];
const deleted = (table: string): Told => [table, 'DELETE', null];
const changed = (table: string, ...fields: string[]): Told => [table, 'UPDATE', fields];

export async function addBundle(store: Store, appId: string, given: Parameters<typeof buildBundle>[0] = {}) {
  const bundle = buildBundle({ appId, ...given });
  await store.insertBundle(bundle, someAuthor);
  return bundle;
}

export async function addRelease(store: Store, appId: string) {
  const bundle = await addBundle(store, appId);
  const release = buildRelease({ appId, builtinBundleId: bundle.id });
  await store.insertRelease(release, someAuthor);
  return { bundle, release };
}

async function addOrganization(store: Store) {
  const organization = buildOrganization();
  await store.insertOrganization(organization, undefined, someAuthor);
  return organization;
}

async function addWebhook(store: Store) {
  const webhook = buildWebhook({ organizationId: (await addOrganization(store)).id });
  await store.insertWebhook(webhook, someAuthor);
  return webhook;
}

export const addChannel = (store: Store, appId: string, given: Parameters<typeof buildNewChannel>[0] = {}) =>
  store.insertChannel(buildNewChannel({ appId, ...given }), undefined, someAuthor);

/**
 * What each method of a store leaves in the audit log, or why it leaves nothing there. A new method does not compile
 * until that is decided.
 */
export const audited: { readonly [Method in keyof Store]: AuditedCall | 'reads' | string } = {
  insertBundle: async (store, appId, by) => async () => {
    await store.insertBundle(buildBundle({ appId }), by);
    return [inserted('apps'), inserted('app_versions')];
  },
  deleteBundle: async (store, appId, by) => {
    const { id } = await addBundle(store, appId);
    return async () => {
      await store.deleteBundle(id, by);
      return [changed('app_versions', 'deleted')];
    };
  },
  setMissingChecksum: async (store, appId, by) => {
    const elsewhere = { objectKey: null, externalUrl: 'https://example.com/a.zip', checksum: '' };
    const { id } = await addBundle(store, appId, elsewhere);
    return async () => {
      await store.setMissingChecksum(id, { checksum: 'cd'.repeat(32), sizeBytes: 7 }, by);
      return [changed('app_versions', 'checksum', 'size')];
    };
  },
  insertRelease: async (store, appId, by) => {
    const bundle = await addBundle(store, appId);
    return async () => {
      await store.insertRelease(buildRelease({ appId, builtinBundleId: bundle.id }), by);
      return [inserted('releases')];
    };
  },
  setReleaseDate: async (store, appId, by) => {
    const { release } = await addRelease(store, appId);
    return async () => {
      await store.setReleaseDate(release.id, someTimeMs, by);
      return [changed('releases', 'release_date')];
    };
  },
  deployToRelease: async (store, appId, by) => {
    const { bundle, release } = await addRelease(store, appId);
    return async () => {
      await store.deployToRelease(release.id, buildNewDeployment({ bundleId: bundle.id }), by);
      return [changed('releases', 'active_bundle_id')];
    };
  },
  deleteRelease: async (store, appId, by) => {
    const { release } = await addRelease(store, appId);
    return async () => {
      await store.deleteRelease(release.id, by);
      return [deleted('releases')];
    };
  },
  insertChannel: async (store, appId, by) => {
    await addChannel(store, appId, { isPublic: true });
    return async () => {
      await store.insertChannel(buildNewChannel({ appId, isPublic: true }), buildNewDeployment(), by);
      return [inserted('channels'), changed('channels', 'public')];
    };
  },
  updateChannel: async (store, appId, by) => {
    await addChannel(store, appId, { isPublic: true });
    const { id } = await addChannel(store, appId);
    return async () => {
      await store.updateChannel(
        id,
        (channel) => ({ channel: { ...channel, isPublic: true, allowDev: false, updatedAtMs: 1 } }),
        by,
      );
      return [changed('channels', 'public', 'allow_dev'), changed('channels', 'public')];
    };
  },
  deleteChannel: async (store, appId, by) => {
    const { id } = await addChannel(store, appId);
    await store.setDeviceOverride({ appId, deviceId: someDeviceId }, id, null, someAuthor);
    await store.setSelfSetChannel({ appId, deviceId: someDeviceId }, id);
    return async () => {
      await store.deleteChannel(id, by);
      return [deleted('channel_devices'), deleted('channels')];
    };
  },
  setDeviceOverride: async (store, appId, by) => {
    const [one, other] = [await addChannel(store, appId), await addChannel(store, appId)];
    const device = { appId, deviceId: someDeviceId };
    return async () => {
      // To forget, or to set again, what is so already changes nothing.
      for (const id of [null, one.id, one.id, other.id, null, null])
        await store.setDeviceOverride(device, id, null, by);
      return [
        inserted('channel_devices'),
        changed('channel_devices', 'channel_id'),
        deleted('channel_devices'),
      ];
    };
  },
  updateApp: async (store, appId, by) => {
    await addBundle(store, appId);
    return async () => {
      await store.updateApp(appId, { exposeMetadata: true }, by);
      await store.updateApp(appId, { exposeMetadata: true }, by);
      return [changed('apps', 'expose_metadata')];
    };
  },
  insertApp: async (store, appId, by) => async () => {
    await store.insertApp(buildAppRecord({ appId }), by);
    return [inserted('apps')];
  },
  deleteApp: async (store, appId, by) => {
    await addRelease(store, appId);
    const { id } = await addChannel(store, appId);
    await store.setDeviceOverride({ appId, deviceId: someDeviceId }, id, null, someAuthor);
    return async () => {
      await store.deleteApp(appId, by);
      return ['channel_devices', 'channels', 'releases', 'app_versions', 'apps'].map(deleted);
    };
  },
  changeBundle: async (store, appId, by) => {
    const { id } = await addBundle(store, appId);
    return async () => {
      for (const comment of ['a', 'a', 'b']) await store.changeBundle(id, { comment }, by);
      return [changed('app_versions', 'comment'), changed('app_versions', 'comment')];
    };
  },
  deleteUnusedBundles: async (store, appId, by) => {
    await addRelease(store, appId);
    await addBundle(store, appId);
    await addBundle(store, appId);
    return async () => {
      await store.deleteUnusedBundles(appId, { createdUntilMs: null, exceptIds: [], limit: 5 }, by);
      return [changed('app_versions', 'deleted'), changed('app_versions', 'deleted')];
    };
  },
  deleteExpiredOverrides: async (store, appId, by) => {
    const { id } = await addChannel(store, appId);
    const deviceIds = [someDeviceId, someDeviceId.replace(/^./, '0')];
    for (const deviceId of deviceIds) await store.setDeviceOverride({ appId, deviceId }, id, 1, someAuthor);
    return async () => {
      await store.deleteExpiredOverrides(1_000, by);
      return deviceIds.map(() => deleted('channel_devices'));
    };
  },

  insertOrganization: async (store, _appId, by) => async () => {
    const organization = buildOrganization();
    await store.insertOrganization(organization, buildMember({ organizationId: organization.id }), by);
    return [inserted('orgs'), inserted('org_users')];
  },
  updateOrganization: async (store, _appId, by) => {
    const { id } = await addOrganization(store);
    return async () => {
      await store.updateOrganization(id, { name: 'Other', requireKeyExpiration: true }, by);
      await store.updateOrganization(id, { name: 'Other' }, by);
      return [changed('orgs', 'name', 'require_apikey_expiration')];
    };
  },
  deleteOrganization: async (store, _appId, by) => {
    const { id } = await addOrganization(store);
    await store.putMember(buildMember({ organizationId: id }), someAuthor);
    await store.insertWebhook(buildWebhook({ organizationId: id }), someAuthor);
    return async () => {
      await store.deleteOrganization(id, by);
      return [deleted('webhooks'), deleted('org_users'), deleted('orgs')];
    };
  },
  putMember: async (store, _appId, by) => {
    const { id } = await addOrganization(store);
    const member = buildMember({ organizationId: id });
    return async () => {
      for (const role of ['read', 'read', 'write'] as const) await store.putMember({ ...member, role }, by);
      return [inserted('org_users'), changed('org_users', 'role')];
    };
  },
  deleteMember: async (store, _appId, by) => {
    const { id } = await addOrganization(store);
    const { email } = await store.putMember(buildMember({ organizationId: id }), someAuthor);
    return async () => {
      await store.deleteMember(id, email, by);
      return [deleted('org_users')];
    };
  },
  insertWebhook: async (store, _appId, by) => {
    const { id } = await addOrganization(store);
    return async () => {
      await store.insertWebhook(buildWebhook({ organizationId: id }), by);
      return [inserted('webhooks')];
    };
  },
  updateWebhook: async (store, _appId, by) => {
    const { id } = await addWebhook(store);
    return async () => {
      await store.updateWebhook(id, { url: 'https://example.com/other', events: ['apps'] }, by);
      return [changed('webhooks', 'url_fingerprint', 'events')];
    };
  },
  deleteWebhook: async (store, _appId, by) => {
    const { id } = await addWebhook(store);
    return async () => {
      await store.deleteWebhook(id, by);
      return [deleted('webhooks')];
    };
  },
  insertApiKey: async (store, _appId, by) => async () => {
    await store.insertApiKey(buildNewApiKey(), newKeyHash(), by);
    return [inserted('apikeys')];
  },
  updateApiKey: async (store, _appId, by) => {
    const { id } = await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor);
    return async () => {
      await store.updateApiKey(
        id,
        (key) => ({ key: { ...key, expiresAtMs: someTimeMs, updatedAtMs: 1 } }),
        by,
      );
      await store.updateApiKey(id, (key) => ({ key: { ...key, updatedAtMs: 2 } }), by);
      await store.updateApiKey(id, (key) => ({ key, hash: newKeyHash() }), by);
      return [changed('apikeys', 'expires_at'), changed('apikeys', 'regenerated_at')];
    };
  },
  deleteApiKey: async (store, _appId, by) => {
    const { id } = await store.insertApiKey(buildNewApiKey(), newKeyHash(), someAuthor);
    return async () => {
      await store.deleteApiKey(id, by);
      return [deleted('apikeys')];
    };
  },
  finishAttempt: async (store, _appId, by) => {
    const delivery = buildDelivery({ webhookId: (await addWebhook(store)).id });
    await store.insertDelivery(delivery);
    await store.claimDelivery(delivery, someTimeMs + 1);
    return async () => {
      await store.finishAttempt(delivery.id, someTimeMs + 1, { ...delivery, status: 'failed' }, by);
      return [changed('webhooks', 'enabled')];
    };
  },

  ...{ isVersionNameTaken: 'reads', findBundle: 'reads', listBundles: 'reads' },
  ...{ listBundlesWithoutChecksum: 'reads', findRelease: 'reads', listReleases: 'reads' },
  ...{
    findChannel: 'reads',
    listChannels: 'reads',
    listAutoPausingChannels: 'reads',
    listDeployments: 'reads',
  },
  ...{
    readDeviceFacts: 'reads',
    readAllDeviceFacts: 'reads',
    readAppState: 'reads',
    readAllAppStates: 'reads',
  },
  ...{ listDueObjectDeletions: 'reads', listDeviceEvents: 'reads', countDeviceEvents: 'reads' },
  ...{ countRolloutOutcomes: 'reads', listCounters: 'reads', listDevices: 'reads', findDevice: 'reads' },
  ...{ readChanges: 'reads', listAudit: 'reads', countAudit: 'reads', readAuditAfter: 'reads' },
  ...{ lastAuditId: 'reads', ping: 'reads', close: 'reads', listFailingBundles: 'reads' },
  ...{ findApp: 'reads', listApps: 'reads', listBundleRecords: 'reads', findBundleRecords: 'reads' },
  ...{ countDeviceOverrides: 'reads', listDevicesInOrder: 'reads' },
  ...{ listPendingManifests: 'reads', findFiles: 'reads', findUsedFiles: 'reads', readManifest: 'reads' },
  ...{ listOrganizations: 'reads', findOrganization: 'reads', findOrganizationOfApp: 'reads' },
  ...{ listAppIdsOf: 'reads', listMembers: 'reads', findMemberships: 'reads', listWebhooks: 'reads' },
  ...{ listEnabledWebhooks: 'reads', findWebhook: 'reads', readWebhookPosition: 'reads' },
  ...{ findDelivery: 'reads', listDeliveries: 'reads', countDeliveries: 'reads', listDueDeliveries: 'reads' },

  ...{ findApiKey: 'reads', listApiKeys: 'reads', readApiKeyHashes: 'reads' },
  ...{ readStatistics: 'reads', sumCounters: 'reads', readCheckMinutes: 'reads' },
  ...{ readStorageChanges: 'reads', countActiveDevices: 'reads' },

  recordApiKeyUses: 'only counted',
  addToStatistics: 'only counted',
  addCheckMinutes: 'only counted',
  deleteCheckMinutesBefore: 'age, not somebody, deletes it',
  setSelfSetChannel: 'a device chooses for itself',
  clearFailedInstalls: 'what failed on devices is counted, not decided',
  deleteFailedInstallsBefore: 'what failed on devices is counted, not decided',
  appendDeviceEvents: 'devices tell it',
  addToCounters: 'only counted',
  deleteDeviceEventsBefore: 'age, not somebody, deletes it',
  deleteAuditBefore: 'age, not somebody, deletes it',
  planObjectDeletions: 'follows from a change that is audited',
  planObjectDeletion: 'follows from a change that is audited',
  forgetObjectDeletion: 'follows from a change that is audited',
  beginManifest: 'what a bundle is made of follows from its bytes',
  postponeManifest: 'what a bundle is made of follows from its bytes',
  refuseManifest: 'what a bundle is made of follows from its bytes',
  setManifest: 'what a bundle is made of follows from its bytes',
  addFiles: 'what a bundle is made of follows from its bytes',
  sweepFiles: 'nothing uses what it deletes',
  purgeDeletedApps: 'follows from a change that is audited',
  acceptMemberships: 'people do it by signing in, which is only noted',
  queueDeliveries: 'follows from a change that is audited',
  queueNotice: 'devices cause it',
  insertDelivery: 'a log of its own',
  claimDelivery: 'a log of its own',
  resetDelivery: 'a log of its own',
  deleteDeliveriesBefore: 'age, not somebody, deletes it',
  deleteOldChanges: 'how nodes follow each other',
  takeLease: 'how nodes share work',
  releaseLease: 'how nodes share work',
};
