import {
  type AppRecord,
  type AppSettings,
  appProfileDefaults,
  appSettingDefaults,
} from '../../domain/app.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import type { AppDocument } from './schema.ts';

export function toSettings(document: AppDocument): AppSettings {
  return {
    exposeMetadata: document.expose_metadata ?? appSettingDefaults.exposeMetadata,
    allowDeviceCustomId: document.allow_device_custom_id ?? appSettingDefaults.allowDeviceCustomId,
  };
}

export function toAppRecord(document: AppDocument): AppRecord {
  return {
    appId: document._id,
    organizationId: document.owner_org ?? defaultOrganizationId,
    ...toSettings(document),
    name: document.name ?? appProfileDefaults.name,
    icon: document.icon ?? appProfileDefaults.icon,
    retentionSeconds: document.retention_seconds ?? appProfileDefaults.retentionSeconds,
    defaultUploadChannel: document.default_upload_channel ?? appProfileDefaults.defaultUploadChannel,
    needOnboarding: document.need_onboarding ?? appProfileDefaults.needOnboarding,
    existingApp: document.existing_app ?? appProfileDefaults.existingApp,
    blockProviderInfraRequests:
      document.block_provider_infra_requests ?? appProfileDefaults.blockProviderInfraRequests,
    iosStoreUrl: document.ios_store_url ?? appProfileDefaults.iosStoreUrl,
    androidStoreUrl: document.android_store_url ?? appProfileDefaults.androidStoreUrl,
    createdAtMs: document.created_at,
    updatedAtMs: document.updated_at ?? document.created_at,
  };
}
