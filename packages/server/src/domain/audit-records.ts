import { createHash } from 'node:crypto';
import { formatTimestamp } from '@capgo-server/protocol/formats/timestamps';
import type { ApiKey } from './api-key.ts';
import type { AppRecord } from './app.ts';
import type { AuditChange, AuditRecord, AuditTable } from './audit.ts';
import type { Bundle } from './bundle.ts';
import type { Channel } from './channel.ts';
import type { DeviceKey } from './device.ts';
import type { Member } from './member.ts';
import { defaultOrganizationId, type Organization } from './organization.ts';
import type { Release } from './release.ts';
import type { Webhook } from './webhook.ts';

/*
 * Records as the audit log keeps them, under the names that the REST API has for their fields. What devices decrypt
 * bundles with, and what proves who somebody is, is left out: the log is read by more people than the records.
 */

function timeOf(timeMs: number | null): string | null {
  return timeMs === null ? null : formatTimestamp(timeMs);
}

interface RecordChange<T> {
  readonly before: T | null;
  readonly after: T | null;
}

function changeOf<T>(
  table: AuditTable,
  { before, after }: RecordChange<T>,
  facts: (given: T) => Pick<AuditChange, 'recordId' | 'appId' | 'organizationId'> & {
    readonly record: AuditRecord;
  },
): AuditChange {
  const given = after ?? before;
  if (given === null) throw new Error(`A change of ${table} has neither a before nor an after`);
  const { recordId, appId, organizationId } = facts(given);
  return {
    ...{ table, recordId, appId },
    ...(organizationId === undefined ? {} : { organizationId }),
    before: before === null ? null : facts(before).record,
    after: after === null ? null : facts(after).record,
  };
}

export function appChange(change: RecordChange<AppRecord>): AuditChange {
  return changeOf('apps', change, (app) => ({
    ...{ recordId: app.appId, appId: app.appId, organizationId: app.organizationId },
    record: {
      ...{ app_id: app.appId, owner_org: app.organizationId, name: app.name, icon: app.icon },
      ...{ retention: app.retentionSeconds, default_upload_channel: app.defaultUploadChannel },
      expose_metadata: app.exposeMetadata,
      allow_device_custom_id: app.allowDeviceCustomId,
      ...{ need_onboarding: app.needOnboarding, existing_app: app.existingApp },
      block_provider_infra_requests: app.blockProviderInfraRequests,
      ...{ ios_store_url: app.iosStoreUrl, android_store_url: app.androidStoreUrl },
      ...{ created_at: timeOf(app.createdAtMs), updated_at: timeOf(app.updatedAtMs) },
    },
  }));
}

/** A bundle, and whether it is deleted: its record stays, so that its version name is never used again. */
export type AuditedBundle = Bundle & { readonly isDeleted?: boolean };

export function bundleChange(change: RecordChange<AuditedBundle>): AuditChange {
  return changeOf('app_versions', change, (bundle) => ({
    ...{ recordId: bundle.id, appId: bundle.appId },
    record: {
      ...{ id: bundle.id, app_id: bundle.appId, name: bundle.versionName },
      ...{ description: bundle.description, checksum: bundle.checksum, crc_checksum: bundle.crcChecksum },
      ...{ size: bundle.sizeBytes, key_id: bundle.keyId, is_encrypted: bundle.sessionKey !== '' },
      ...{ min_update_version: bundle.minUpdateVersion, external_url: bundle.externalUrl },
      ...{ link: bundle.link, comment: bundle.comment },
      deleted: bundle.isDeleted ?? false,
      created_at: timeOf(bundle.createdAtMs),
    },
  }));
}

export function releaseChange(change: RecordChange<Release>): AuditChange {
  return changeOf('releases', change, (release) => ({
    ...{ recordId: release.id, appId: release.appId },
    record: {
      ...{ id: release.id, app_id: release.appId, platform: release.platform },
      ...{ version_name: release.versionName, version_code: release.versionCode },
      release_date: timeOf(release.releaseDateMs),
      ...{ builtin_bundle_id: release.builtinBundleId, active_bundle_id: release.activeBundleId },
      ...{ created_at: timeOf(release.createdAtMs), updated_at: timeOf(release.updatedAtMs) },
    },
  }));
}

export function channelChange(change: RecordChange<Channel>): AuditChange {
  return changeOf('channels', change, (channel) => {
    const { rollout, autoPause, platforms } = channel;
    return {
      ...{ recordId: String(channel.id), appId: channel.appId },
      record: {
        ...{ id: channel.id, name: channel.name, app_id: channel.appId, public: channel.isPublic },
        ...{ ios: platforms.ios, android: platforms.android, electron: platforms.electron },
        allow_device_self_set: channel.allowDeviceSelfSet,
        ...{ allow_emulator: channel.allowEmulator, allow_device: channel.allowDevice },
        ...{ allow_dev: channel.allowDev, allow_prod: channel.allowProd },
        disable_auto_update: channel.policy,
        disable_auto_update_under_native: channel.blocksUnderNative,
        version: channel.bundleId,
        ...{ rollout_id: rollout.id, rollout_version: rollout.bundleId, rollout_enabled: rollout.isEnabled },
        rollout_percentage_bps: rollout.percentageBps,
        ...{ rollout_paused_at: timeOf(rollout.pausedAtMs), rollout_pause_reason: rollout.pauseReason },
        rollout_cache_ttl_seconds: rollout.cacheTtlSeconds,
        auto_pause_enabled: autoPause.isEnabled,
        auto_pause_window_minutes: autoPause.windowMinutes,
        auto_pause_failure_rate_bps: autoPause.failureRateBps,
        auto_pause_confidence: autoPause.confidence,
        auto_pause_min_attempts: autoPause.minAttempts,
        auto_pause_min_failures: autoPause.minFailures,
        auto_pause_action: autoPause.action,
        auto_pause_cooldown_minutes: autoPause.cooldownMinutes,
        auto_pause_last_triggered_at: timeOf(autoPause.lastTriggeredAtMs),
        ...{ created_at: timeOf(channel.createdAtMs), updated_at: timeOf(channel.updatedAtMs) },
      },
    };
  });
}

/** An operator's pin of a device to a channel. */
export interface AuditedOverride extends DeviceKey {
  readonly channelId: number;
  readonly expiresAtMs: number | null;
}

export function overrideChange(change: RecordChange<AuditedOverride>): AuditChange {
  return changeOf('channel_devices', change, ({ appId, deviceId, channelId, expiresAtMs }) => ({
    ...{ recordId: deviceId, appId },
    record: {
      ...{ app_id: appId, device_id: deviceId, channel_id: channelId },
      expires_at: timeOf(expiresAtMs),
    },
  }));
}

export function organizationChange(change: RecordChange<Organization>): AuditChange {
  return changeOf('orgs', change, (organization) => ({
    ...{ recordId: organization.id, appId: null, organizationId: organization.id },
    record: {
      ...{ id: organization.id, name: organization.name, is_default: organization.isDefault },
      ...{ logo: organization.logo, website: organization.website },
      ...{ management_email: organization.managementEmail, created_by: organization.createdBy },
      require_apikey_expiration: organization.requireKeyExpiration,
      max_apikey_expiration_days: organization.maxKeyExpirationDays,
      enforce_encrypted_bundles: organization.enforceEncryptedBundles,
      required_encryption_key: organization.requiredEncryptionKey,
      ...{ created_at: timeOf(organization.createdAtMs), updated_at: timeOf(organization.updatedAtMs) },
    },
  }));
}

export function memberChange(change: RecordChange<Member>): AuditChange {
  return changeOf('org_users', change, (member) => ({
    ...{ recordId: member.id, appId: null, organizationId: member.organizationId },
    record: {
      ...{ id: member.id, org_id: member.organizationId, email: member.email, role: member.role },
      ...{ created_at: timeOf(member.createdAtMs), updated_at: timeOf(member.updatedAtMs) },
    },
  }));
}

/** A key, and since when its text is not the one it was made with, as far as a change is about that. */
export type AuditedApiKey = ApiKey & { readonly regeneratedAtMs?: number | undefined };

/** Keys are of the server, not of an app: they are told of in the organization that every server has. */
export function apiKeyChange(change: RecordChange<AuditedApiKey>): AuditChange {
  return changeOf('apikeys', change, (key) => ({
    ...{ recordId: String(key.id), appId: null, organizationId: defaultOrganizationId },
    record: {
      ...{ id: key.id, name: key.name, role: key.role, apps: key.apps, rbac_id: key.rbacId },
      ...{ created_by: key.createdBy, expires_at: timeOf(key.expiresAtMs) },
      ...(key.regeneratedAtMs === undefined ? {} : { regenerated_at: timeOf(key.regeneratedAtMs) }),
      ...{ created_at: timeOf(key.createdAtMs), updated_at: timeOf(key.updatedAtMs) },
    },
  }));
}

/** Where a webhook leads, as far as that is no secret: many services keep one in the path. */
function shownUrl(text: string) {
  const origin = URL.canParse(text) ? new URL(text).origin : '';
  const fingerprint = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return { url_origin: origin, url_fingerprint: fingerprint };
}

export function webhookChange(change: RecordChange<Webhook>): AuditChange {
  return changeOf('webhooks', change, (webhook) => ({
    ...{ recordId: webhook.id, appId: null, organizationId: webhook.organizationId },
    record: {
      ...{ id: webhook.id, org_id: webhook.organizationId, name: webhook.name, ...shownUrl(webhook.url) },
      ...{ enabled: webhook.isEnabled, events: webhook.events, delivery_version: webhook.deliveryVersion },
      created_by: webhook.createdBy,
      ...{ created_at: timeOf(webhook.createdAtMs), updated_at: timeOf(webhook.updatedAtMs) },
    },
  }));
}
