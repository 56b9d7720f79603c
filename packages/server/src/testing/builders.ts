import { hash, randomUUID } from 'node:crypto';
import type { Actor, ChangedBy } from '../domain/actor.ts';
import { type AppRecord, appProfileDefaults, appSettingDefaults } from '../domain/app.ts';
import { type Bundle, bundleObjectKey } from '../domain/bundle.ts';
import { autoPauseDefaults, type Channel, channelDefaults, rolloutDefaults } from '../domain/channel.ts';
import type { DeviceCheck, DeviceEvent, DeviceRecord } from '../domain/device.ts';
import type { EventEffects } from '../domain/event-effects.ts';
import { fileObjectKey, type ManifestEntry, type StoredFile } from '../domain/manifest.ts';
import type { Member } from '../domain/member.ts';
import {
  defaultOrganizationId,
  type Organization,
  organizationRuleDefaults,
} from '../domain/organization.ts';
import type { Release } from '../domain/release.ts';
import type { DeviceActivity } from '../domain/statistics.ts';
import type { Delivery, Webhook } from '../domain/webhook.ts';
import type { NewApiKey } from '../ports/api-keys.ts';
import type { RecordedEvent } from '../ports/device-events.ts';
import type { NewDeployment } from '../ports/store.ts';

/** Values that pass every rule; a test names only what it is about. */
export const someAppId = 'com.example.app';
export const someDeviceId = 'b5c2b0b4-7b8f-4b33-9d7f-0a6c1f0f7c11';
export const someTimeMs = Date.UTC(2026, 0, 15, 12);

/** Somebody with a token. */
export function buildActor(name = 'tester'): Actor {
  return { kind: 'management_token', id: `token-of-${name}`, name, email: null };
}

/** Who changes things where a test is not about that. */
export const someAuthor: ChangedBy = { actor: buildActor(), atMs: someTimeMs };

let lastNumber = 0;

/** A record id that no earlier call answered. */
export function nextId(): string {
  lastNumber += 1;
  return lastNumber.toString(16).padStart(24, '0');
}

export function buildBundle(given: Partial<Bundle> = {}): Bundle {
  const id = given.id ?? nextId();
  const appId = given.appId ?? someAppId;
  return {
    id,
    appId,
    versionName: `1.0.${Number.parseInt(id, 16)}`,
    description: '',
    crcChecksum: '0a1b2c3d',
    checksum: 'ab'.repeat(32),
    sizeBytes: 1_000,
    sessionKey: '',
    keyId: null,
    minUpdateVersion: null,
    objectKey: bundleObjectKey(appId, id),
    externalUrl: null,
    link: null,
    comment: null,
    manifest: { state: 'none', reason: 'external' },
    createdAtMs: someTimeMs,
    ...given,
  };
}

export function buildAppRecord(given: Partial<AppRecord> = {}): AppRecord {
  return {
    appId: someAppId,
    organizationId: defaultOrganizationId,
    ...appSettingDefaults,
    ...appProfileDefaults,
    createdAtMs: someTimeMs,
    updatedAtMs: someTimeMs,
    ...given,
  };
}

/** A plain file of an app that no other call answered. */
export function buildFile(given: Partial<StoredFile> = {}): StoredFile {
  const id = given.id ?? nextId();
  const appId = given.appId ?? someAppId;
  const name = given.name ?? id.padStart(64, 'a');
  const objectKey = fileObjectKey(appId, 'b'.repeat(64), id);
  return { id, appId, name, objectKey, sizeBytes: 100, isBrotli: false, ...given };
}

/** A file as a bundle has it. */
export function buildEntry(file: StoredFile, fileName = `${file.id}.js`): ManifestEntry {
  const { id: fileId, name: hash, objectKey, sizeBytes } = file;
  return { fileName, hash, fileId, objectKey, sizeBytes };
}

export function buildRelease(given: Partial<Release> & Pick<Release, 'builtinBundleId'>): Release {
  const id = given.id ?? nextId();
  return {
    id,
    appId: someAppId,
    platform: 'ios',
    versionName: '1.0.0',
    versionCode: String(Number.parseInt(id, 16)),
    releaseDateMs: null,
    activeBundleId: null,
    createdAtMs: someTimeMs,
    updatedAtMs: someTimeMs,
    ...given,
  };
}

/** A channel that is not stored yet; the store gives it its number. */
export function buildNewChannel(given: Partial<Omit<Channel, 'id'>> = {}): Omit<Channel, 'id'> {
  return {
    ...channelDefaults,
    appId: someAppId,
    name: `channel-${nextId()}`,
    rollout: { id: nextId(), ...rolloutDefaults },
    autoPause: autoPauseDefaults,
    createdAtMs: someTimeMs,
    updatedAtMs: someTimeMs,
    ...given,
  };
}

/** A key that is not stored yet, good for ever and for all apps. */
export function buildNewApiKey(given: Partial<NewApiKey> = {}): NewApiKey {
  return {
    name: 'some key',
    role: 'write',
    apps: null,
    rbacId: randomUUID(),
    createdBy: 'management-token-1',
    createdAtMs: someTimeMs,
    updatedAtMs: someTimeMs,
    expiresAtMs: null,
    ...given,
  };
}

/** The hash of a key that no other test has. */
export function newKeyHash(): string {
  return hash('sha256', randomUUID());
}

/** A UUID that no earlier call answered. */
function nextUuid(): string {
  return `00000000-0000-4000-8000-${nextId().slice(12)}`;
}

export function buildOrganization(given: Partial<Organization> = {}): Organization {
  return {
    ...{ id: nextUuid(), name: 'Example', isDefault: false, logo: null, website: null },
    ...{ managementEmail: null, createdBy: null, ...organizationRuleDefaults },
    ...{ createdAtMs: someTimeMs, updatedAtMs: someTimeMs },
    ...given,
  };
}

export function buildMember(given: Partial<Member> & Pick<Member, 'organizationId'>): Member {
  const id = given.id ?? nextUuid();
  return {
    ...{ id, email: `${id}@example.com`, role: 'read', acceptedAtMs: null },
    ...{ createdAtMs: someTimeMs, updatedAtMs: someTimeMs },
    ...given,
  };
}

export function buildWebhook(given: Partial<Webhook> & Pick<Webhook, 'organizationId'>): Webhook {
  return {
    ...{ id: nextUuid(), name: 'hook', url: 'https://example.com/hook', isEnabled: true },
    ...{ secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`, events: ['channels'] },
    ...{ deliveryVersion: 'legacy', createdBy: null, createdAtMs: someTimeMs, updatedAtMs: someTimeMs },
    ...given,
  };
}

/** A delivery that is due. */
export function buildDelivery(given: Partial<Delivery> & Pick<Delivery, 'webhookId'>): Delivery {
  return {
    ...{ id: nextUuid(), auditId: null, eventId: nextUuid(), eventType: 'channels.UPDATE' },
    ...{ status: 'pending', payload: '{"a":"ä"}', deliveryVersion: 'legacy' },
    ...{ attemptCount: 0, maxAttempts: 10, nextAttemptAtMs: someTimeMs, createdAtMs: someTimeMs },
    ...{ completedAtMs: null, responseStatus: null, responseBody: null, responseHeaders: null },
    durationMs: null,
    ...given,
  };
}

/** A deployment of builtin, unless a bundle is given. */
export function buildNewDeployment(given: Partial<NewDeployment> = {}): NewDeployment {
  return {
    id: nextId(),
    bundleId: null,
    rolloutBundleId: null,
    actor: 'tester',
    reason: 'test',
    createdAtMs: someTimeMs,
    ...given,
  };
}

export function buildDeviceCheck(given: Partial<DeviceCheck> = {}): DeviceCheck {
  return {
    appId: someAppId,
    deviceId: someDeviceId,
    platform: 'ios',
    versionName: '1.0.0',
    nativeVersion: '1.0.0',
    rawNativeVersion: given.nativeVersion ?? '1.0.0',
    nativeBuild: '1',
    pluginVersion: '8.45.11',
    isEmulator: false,
    isProd: true,
    defaultChannel: undefined,
    keyId: undefined,
    ...given,
  };
}

export function buildDeviceEvent(given: Partial<DeviceEvent> = {}): DeviceEvent {
  return {
    id: given.id ?? nextId(),
    appId: someAppId,
    deviceId: someDeviceId,
    action: 'set',
    versionName: '1.0.1',
    oldVersionName: null,
    platform: 'ios',
    pluginVersion: '8.45.11',
    nativeVersion: '1.0.0',
    nativeBuild: '1',
    osVersion: '17.0',
    isEmulator: false,
    isProd: true,
    customId: null,
    defaultChannel: null,
    keyId: null,
    installSource: null,
    metadata: null,
    channelName: null,
    deviceTimeMs: null,
    receivedAtMs: someTimeMs,
    ...given,
  };
}

/** What the inventory is told of the device of an event. */
export function buildDeviceRecord(given: Partial<DeviceRecord> = {}): DeviceRecord {
  return {
    appId: someAppId,
    deviceId: someDeviceId,
    platform: 'ios',
    pluginVersion: '8.45.11',
    osVersion: '17.0',
    nativeVersion: '1.0.0',
    nativeBuild: '1',
    versionName: '1.0.1',
    customId: null,
    isEmulator: false,
    isProd: true,
    defaultChannel: null,
    keyId: null,
    installSource: null,
    seenAtMs: someTimeMs,
    ...given,
  };
}

/** An event without effects and without a device record, unless they are given. */
export function buildRecordedEvent(
  given: Partial<DeviceEvent> = {},
  {
    effects,
    device,
    activity,
  }: {
    effects?: Partial<EventEffects>;
    device?: DeviceRecord;
    activity?: DeviceActivity | undefined;
  } = {},
): RecordedEvent {
  return {
    event: buildDeviceEvent(given),
    effects: { counters: [], outcome: null, statistics: [], failedInstall: null, ...effects },
    device,
    activity: activity ?? null,
  };
}

/** The body of `POST /updates` as a current plugin sends it. */
export function buildUpdateCheckBody(given: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    platform: 'ios',
    device_id: someDeviceId,
    app_id: someAppId,
    custom_id: '',
    version_build: '1.0.0',
    version_code: '1',
    version_os: '17.0',
    version_name: 'builtin',
    plugin_version: '8.45.11',
    is_emulator: false,
    is_prod: true,
    ...given,
  };
}

/** An event of `POST /stats` as a current plugin sends it. */
export function buildDeviceEventBody(given: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    ...buildUpdateCheckBody({ version_name: '1.0.1' }),
    action: 'set',
    old_version_name: '',
    ...given,
  };
}
