import type { ChangedBy } from '../../domain/actor.ts';
import {
  type AppProfile,
  type AppSettings,
  appProfileDefaults,
  appSettingDefaults,
} from '../../domain/app.ts';
import { appChange } from '../../domain/audit-records.ts';
import { defaultOrganizationId } from '../../domain/organization.ts';
import { toAppRecord } from './app-document.ts';
import { draftAudit } from './audit.ts';
import type { Draft } from './commit-log.ts';
import type { MongoDatabase } from './database.ts';
import type { AppDocument } from './schema.ts';

const fieldsOf = {
  exposeMetadata: 'expose_metadata',
  allowDeviceCustomId: 'allow_device_custom_id',
  name: 'name',
  icon: 'icon',
  retentionSeconds: 'retention_seconds',
  defaultUploadChannel: 'default_upload_channel',
  needOnboarding: 'need_onboarding',
  existingApp: 'existing_app',
  blockProviderInfraRequests: 'block_provider_infra_requests',
  iosStoreUrl: 'ios_store_url',
  androidStoreUrl: 'android_store_url',
} as const satisfies Record<keyof (AppSettings & AppProfile), keyof AppDocument>;

/** The fields of what is given. */
export function toAppFields(given: Partial<AppSettings & AppProfile>): Partial<Omit<AppDocument, '_id'>> {
  const entries = Object.entries(fieldsOf).flatMap(([name, field]) => {
    const value = given[name as keyof typeof fieldsOf];
    return value === undefined ? [] : [[field, value]];
  });
  return Object.fromEntries(entries);
}

/** Every field of an app of which nobody has said anything. */
export function appDefaults(nowMs: number): Omit<AppDocument, '_id'> {
  return {
    ...toAppFields({ ...appSettingDefaults, ...appProfileDefaults }),
    created_at: nowMs,
    updated_at: nowMs,
  };
}

/** Registers an app on first use, also one that was deleted, in the organization of everybody. */
export async function ensureApp(
  database: MongoDatabase,
  draft: Draft,
  appId: string,
  by: ChangedBy,
): Promise<void> {
  const found = await database.collection('apps').findOne({ _id: appId });
  if (found && !found.gone) return;
  const fields = { ...appDefaults(by.atMs), owner_org: defaultOrganizationId };
  if (found) draft.set('apps', [appId], { ...fields, gone: false });
  else draft.insert('apps', [{ _id: appId, ...fields }]);
  const after = toAppRecord({ _id: appId, ...fields });
  await draftAudit(database, draft, by, appChange({ before: null, after }));
}
