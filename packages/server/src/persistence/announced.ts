import type { ChangeHints } from '../ports/change-hints.ts';
import type { RecordedEvent } from '../ports/device-events.ts';
import type { Store } from '../ports/store.ts';

/** Whether a call changes what is answered from memory. A new method does not compile until that is decided. */
const isChange: { readonly [Method in keyof Store]: (...parameters: Parameters<Store[Method]>) => boolean } =
  {
    insertBundle: always,
    isVersionNameTaken: never,
    findBundle: never,
    listBundles: never,
    deleteBundle: always,
    listBundleRecords: never,
    findBundleRecords: never,
    changeBundle: always,
    deleteUnusedBundles: always,
    listPendingManifests: never,
    beginManifest: never,
    postponeManifest: never,
    refuseManifest: always,
    findFiles: never,
    findUsedFiles: never,
    addFiles: never,
    setManifest: always,
    readManifest: never,
    sweepFiles: never,
    listBundlesWithoutChecksum: never,
    setMissingChecksum: always,
    insertRelease: always,
    findRelease: never,
    listReleases: never,
    setReleaseDate: always,
    deployToRelease: always,
    deleteRelease: always,
    insertChannel: always,
    updateChannel: always,
    findChannel: never,
    listChannels: never,
    listAutoPausingChannels: never,
    deleteChannel: always,
    listDeployments: never,
    setDeviceOverride: always,
    // They had no effect any more.
    deleteExpiredOverrides: never,
    countDeviceOverrides: never,
    setSelfSetChannel: always,
    clearFailedInstalls: always,
    // Nobody waits for it: what failed that long ago is forgotten here sooner or later.
    deleteFailedInstallsBefore: never,
    readDeviceFacts: never,
    readAllDeviceFacts: never,
    readAppState: never,
    readAllAppStates: never,
    insertApp: always,
    findApp: never,
    listApps: never,
    updateApp: always,
    deleteApp: always,
    purgeDeletedApps: never,
    planObjectDeletion: never,
    planObjectDeletions: never,
    listDueObjectDeletions: never,
    forgetObjectDeletion: never,
    appendDeviceEvents: (events: readonly RecordedEvent[]) =>
      events.some(({ effects }) => effects.failedInstall !== null),
    addToCounters: never,
    listDeviceEvents: never,
    countDeviceEvents: never,
    deleteDeviceEventsBefore: never,
    countRolloutOutcomes: never,
    listCounters: never,
    listDevices: never,
    listDevicesInOrder: never,
    findDevice: never,
    insertApiKey: always,
    updateApiKey: always,
    findApiKey: never,
    listApiKeys: never,
    readApiKeyHashes: never,
    deleteApiKey: always,
    recordApiKeyUses: never,
    addToStatistics: never,
    readStatistics: never,
    sumCounters: never,
    addCheckMinutes: never,
    readCheckMinutes: never,
    deleteCheckMinutesBefore: never,
    readStorageChanges: never,
    countActiveDevices: never,
    readChanges: never,
    deleteOldChanges: never,
    takeLease: never,
    releaseLease: never,
    listAudit: never,
    countAudit: never,
    readAuditAfter: never,
    lastAuditId: never,
    deleteAuditBefore: never,
    listOrganizations: never,
    findOrganization: never,
    findOrganizationOfApp: never,
    listAppIdsOf: never,
    insertOrganization: never,
    updateOrganization: never,
    deleteOrganization: never,
    listMembers: never,
    findMemberships: never,
    putMember: never,
    deleteMember: never,
    acceptMemberships: never,
    listWebhooks: never,
    listEnabledWebhooks: never,
    findWebhook: never,
    insertWebhook: never,
    updateWebhook: never,
    deleteWebhook: never,
    readWebhookPosition: never,
    queueDeliveries: never,
    queueNotice: never,
    insertDelivery: never,
    findDelivery: never,
    listDeliveries: never,
    countDeliveries: never,
    listDueDeliveries: never,
    claimDelivery: never,
    finishAttempt: never,
    resetDelivery: never,
    deleteDeliveriesBefore: never,
    listFailingBundles: never,
    ping: never,
    close: never,
  };

function always(): boolean {
  return true;
}

function never(): boolean {
  return false;
}

/** A store whose changes are announced to the other nodes when they are committed. */
export function announced(store: Store, hints: Pick<ChangeHints, 'announce'>): Store {
  type Call = (...parameters: never[]) => Promise<unknown>;
  const changes = Object.entries(isChange).filter(([, decides]) => decides !== never);
  const announcing = changes.map(([name, decides]) => {
    const call = store[name as keyof Store] as Call;
    const callAndAnnounce: Call = async (...parameters) => {
      const answer = await call(...parameters);
      if ((decides as (...given: never[]) => boolean)(...parameters)) hints.announce();
      return answer;
    };
    return [name, callAndAnnounce];
  });
  return { ...store, ...Object.fromEntries(announcing) };
}
