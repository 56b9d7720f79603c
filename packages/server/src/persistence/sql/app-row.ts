import type { Selectable } from 'kysely';
import type { AppRecord, AppSettings } from '../../domain/app.ts';
import type { AppsTable } from './schema.ts';

export const settingColumns = ['expose_metadata', 'allow_device_custom_id'] as const;

export function toSettings(row: Pick<Selectable<AppsTable>, (typeof settingColumns)[number]>): AppSettings {
  return {
    exposeMetadata: row.expose_metadata === 1,
    allowDeviceCustomId: row.allow_device_custom_id === 1,
  };
}

export function toAppRecord(row: Selectable<AppsTable>): AppRecord {
  return {
    appId: row.app_id,
    organizationId: row.owner_org,
    ...toSettings(row),
    name: row.name,
    icon: row.icon,
    retentionSeconds: row.retention_seconds,
    defaultUploadChannel: row.default_upload_channel,
    needOnboarding: row.need_onboarding === 1,
    existingApp: row.existing_app === 1,
    blockProviderInfraRequests: row.block_provider_infra_requests === 1,
    iosStoreUrl: row.ios_store_url,
    androidStoreUrl: row.android_store_url,
    createdAtMs: row.created_at,
    updatedAtMs: row.updated_at,
  };
}
