import type { Binary, ObjectId } from 'mongodb';
import type { StoredTime } from './stored-time.ts';

/** What every document has that commits write. */
export interface Committed {
  /** The number of the commit that wrote it last; absent from what an older server wrote. */
  readonly commit?: number;
  /** Deleted: it stays for a while so that no late repetition of an older commit brings it back. */
  readonly gone?: boolean;
}

/**
 * The first eight fields are an older server's, whose bundles lie in the same collection. It left out what it did not
 * know, and its version names can repeat and need not be semver.
 */
export interface BundleDocument extends Committed {
  readonly _id: ObjectId;
  readonly app_id?: string | null;
  readonly version_name?: string | null;
  readonly description?: string | null;
  readonly crc_checksum?: string | null;
  /** Of no meaning to us; kept as it is. */
  readonly signature?: string | null;
  readonly public_download_url?: string | null;
  readonly created_at?: StoredTime | null;
  readonly checksum?: string;
  readonly size?: number;
  readonly session_key?: string;
  readonly key_id?: string | null;
  readonly min_update_version?: string | null;
  readonly object_key?: string | null;
  readonly link?: string | null;
  readonly comment?: string | null;
  /** Deleted bundles keep their document: it is what keeps their version name taken. */
  readonly deleted_at?: StoredTime | null;
  /** Of the sequence `bundles`. */
  readonly number?: number;
  /** Absent while it is as it was made. */
  readonly updated_at?: StoredTime;
  readonly manifest_state?: string;
  readonly manifest_reason?: string | null;
  /** How often somebody began to make the manifest and was not heard of again. */
  readonly manifest_attempts?: number;
}

export interface FileDocument extends Committed {
  readonly _id: string;
  readonly app_id: string;
  readonly name: string;
  /** A `keyOf` app and name: no two that are there have the same one. */
  readonly name_key: string;
  readonly object_key: string;
  readonly size: number;
  readonly is_brotli: boolean;
  /** How many manifests name it. */
  readonly uses: number;
  /** Since when none does; null while one does. */
  readonly released_at: number | null;
}

/** Its id is the bundle's. */
export interface ManifestDocument extends Committed {
  readonly _id: string;
  readonly file_count: number;
  /** See `packed-manifest.ts`. */
  readonly entries: Binary;
}

/** All of its fields are an older server's, whose releases lie in the same collection. */
export interface ReleaseDocument extends Committed {
  readonly _id: ObjectId;
  readonly platform?: string | null;
  readonly app_id?: string | null;
  readonly version_name?: string | null;
  readonly version_code?: string | null;
  readonly released_date?: StoredTime | null;
  readonly builtin_bundle_id?: ObjectId | null;
  readonly active_bundle_id?: ObjectId | null;
  readonly updated_at?: StoredTime | null;
  readonly created_at?: StoredTime | null;
}

/** Times in it and in those below are epoch milliseconds. */
export interface AppDocument extends Committed {
  readonly _id: string;
  readonly created_at: number;
  /** Absent, as the next one, while nobody has decided otherwise than the defaults. */
  readonly expose_metadata?: boolean;
  readonly allow_device_custom_id?: boolean;
  /** Absent of apps that are older than organizations: they are in the default one. */
  readonly owner_org?: string;
  /** These are absent from an app that an older version registered. */
  readonly name?: string | null;
  readonly icon?: string;
  readonly retention_seconds?: number | null;
  readonly default_upload_channel?: string;
  readonly need_onboarding?: boolean;
  readonly existing_app?: boolean;
  readonly block_provider_infra_requests?: boolean;
  readonly ios_store_url?: string | null;
  readonly android_store_url?: string | null;
  readonly updated_at?: number;
}

/** An app that was deleted and may have left events and devices behind; its id is the app's. */
export interface AppDeletionDocument extends Committed {
  readonly _id: string;
  readonly deleted_at: number;
}

export interface ChannelDocument extends Committed {
  readonly _id: number;
  readonly app_id: string;
  readonly name: string;
  readonly is_public: boolean;
  readonly allow_device_self_set: boolean;
  readonly ios: boolean;
  readonly android: boolean;
  readonly electron: boolean;
  readonly policy: string;
  readonly blocks_under_native: boolean;
  readonly allow_prod: boolean;
  readonly allow_dev: boolean;
  readonly allow_device: boolean;
  readonly allow_emulator: boolean;
  /** Absent from channels of before there was a choice. */
  readonly update_package?: string;
  readonly bundle_id: string | null;
  readonly rollout_id: string;
  readonly rollout_bundle_id: string | null;
  readonly rollout_enabled: boolean;
  readonly rollout_percentage_bps: number;
  readonly rollout_paused_at: number | null;
  readonly rollout_pause_reason: string | null;
  readonly rollout_cache_ttl_seconds: number;
  readonly auto_pause_enabled: boolean;
  readonly auto_pause_window_minutes: number;
  readonly auto_pause_failure_rate_bps: number | null;
  readonly auto_pause_confidence: number;
  readonly auto_pause_min_attempts: number | null;
  readonly auto_pause_min_failures: number | null;
  readonly auto_pause_action: string;
  readonly auto_pause_cooldown_minutes: number;
  readonly auto_pause_last_triggered_at: number | null;
  readonly created_at: number;
  readonly updated_at: number;
}

/** The last number that was given out, under the name of what it numbers. */
export interface SequenceDocument extends Committed {
  readonly _id: string;
  readonly last: number;
}

export interface DeploymentDocument extends Committed {
  readonly _id: ObjectId;
  readonly app_id: string;
  /** Of this and the next one is null. */
  readonly channel_id: number | null;
  readonly release_id: string | null;
  readonly bundle_id: string | null;
  readonly rollout_bundle_id: string | null;
  readonly actor: string;
  readonly reason: string;
  readonly created_at: number;
}

/** One channel of one device; its id is a `keyOf` app and device, as those below are of what makes them unique. */
export interface DeviceChannelDocument extends Committed {
  readonly _id: string;
  readonly app_id: string;
  readonly device_id: string;
  readonly channel_id: number;
}

export interface DeviceOverrideDocument extends DeviceChannelDocument {
  /** null, or absent, for one without an end. */
  readonly expires_at?: number | null;
}

export interface DeviceFailuresDocument extends Committed {
  readonly _id: string;
  readonly app_id: string;
  readonly device_id: string;
  readonly version_name: string;
  readonly failures: number;
  readonly last_failed_at: number;
}

export interface DeviceEventDocument extends Committed {
  /** By what an event told again is known, if it has a device time; else its own id. */
  readonly _id: string;
  readonly id: string;
  readonly app_id: string;
  readonly device_id: string;
  readonly received_at: number;
  readonly device_time: number | null;
  readonly action: string;
  readonly version_name: string;
  readonly old_version_name: string | null;
  readonly platform: string;
  readonly plugin_version: string | null;
  readonly version_build: string | null;
  readonly version_code: string | null;
  readonly version_os: string | null;
  readonly is_emulator: boolean;
  readonly is_prod: boolean;
  readonly custom_id: string | null;
  readonly default_channel: string | null;
  readonly key_id: string | null;
  readonly install_source: string | null;
  /** A JSON object of texts: not every one of its keys could be a field's name. */
  readonly metadata: string | null;
  readonly channel_name: string | null;
  /** `install` or `fail` when the event counts for a rollout, and of which bundle. */
  readonly outcome: string | null;
  readonly outcome_bundle: string | null;
}

export interface CounterDocument extends Committed {
  readonly _id: string;
  readonly app_id: string;
  readonly date: string;
  readonly bundle: string;
  readonly channel: string;
  readonly platform: string;
  readonly gets: number;
  readonly installs: number;
  readonly uninstalls: number;
  readonly fails: number;
}

export interface DeviceDocument extends Committed {
  readonly _id: string;
  readonly app_id: string;
  readonly device_id: string;
  readonly platform: string;
  readonly plugin_version: string | null;
  readonly version_os: string | null;
  readonly version_build: string | null;
  readonly version_code: string | null;
  readonly version_name: string | null;
  readonly custom_id: string | null;
  readonly is_emulator: boolean;
  readonly is_prod: boolean;
  readonly default_channel: string | null;
  readonly key_id: string | null;
  readonly install_source: string | null;
  readonly first_seen: number;
  readonly seen_at: number;
  /** What it is counted under, on the day it was there last; all absent while it was never counted. */
  readonly active_on?: string;
  readonly counted_at?: number;
  readonly active_platform?: string;
  readonly active_bundle?: string;
  readonly active_native?: string;
  readonly active_plugin?: string;
  readonly active_channel?: string;
  readonly offered?: string | null;
}

export interface StatisticDocument extends Committed {
  readonly _id: string;
  readonly app_id: string;
  readonly metric: string;
  readonly date: string;
  readonly name: string;
  readonly detail: string;
  readonly amount: number;
}

export interface CheckMinuteDocument extends Committed {
  readonly _id: string;
  readonly app_id: string;
  readonly minute: number;
  readonly checks: number;
}

/** Its id is the object key. */
export interface PlannedDeletionDocument extends Committed {
  readonly _id: string;
  readonly due_at: number;
}

export interface ApiKeyDocument extends Committed {
  readonly _id: number;
  readonly name: string;
  readonly role: string;
  readonly apps: readonly string[] | null;
  /** SHA-256 of the key, in lower-case hex. */
  readonly key_hash: string;
  readonly rbac_id: string;
  readonly created_by: string;
  readonly created_at: number;
  readonly updated_at: number;
  readonly expires_at: number | null;
  readonly last_used_at: number | null;
}

/** Its id is a UUID. */
export interface OrganizationDocument extends Committed {
  readonly _id: string;
  readonly name: string;
  readonly logo: string | null;
  readonly website: string | null;
  readonly management_email: string | null;
  readonly created_by: string | null;
  readonly require_key_expiration: boolean;
  readonly max_key_expiration_days: number | null;
  readonly enforce_encrypted_bundles: boolean;
  readonly required_encryption_key: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

/** Its id is a UUID. */
export interface MemberDocument extends Committed {
  readonly _id: string;
  readonly org_id: string;
  readonly email: string;
  readonly role: string;
  readonly accepted_at: number | null;
  readonly created_at: number;
  readonly updated_at: number;
}

/** Its id is a number that grows from commit to commit. */
export interface AuditDocument extends Committed {
  readonly _id: number;
  readonly created_at: number;
  readonly table_name: string;
  readonly record_id: string;
  readonly operation: string;
  readonly app_id: string | null;
  readonly org_id: string | null;
  /** JSON, as the next two. */
  readonly old_record: string | null;
  readonly new_record: string | null;
  readonly changed_fields: string | null;
  readonly actor_kind: string;
  readonly actor_id: string;
  readonly actor_name: string;
  readonly actor_email: string | null;
}

/** Its id is a UUID, as that of the next one. */
export interface WebhookDocument extends Committed {
  readonly _id: string;
  readonly org_id: string;
  readonly name: string;
  readonly url: string;
  readonly secret: string;
  readonly is_enabled: boolean;
  readonly events: readonly string[];
  readonly delivery_version: string;
  readonly created_by: string | null;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface WebhookDeliveryDocument extends Committed {
  readonly _id: string;
  readonly webhook_id: string;
  readonly audit_id: number | null;
  readonly event_id: string;
  readonly event_type: string;
  readonly status: string;
  /** JSON, to the letter as it is sent and signed. */
  readonly payload: string;
  readonly delivery_version: string;
  readonly response_status: number | null;
  readonly response_body: string | null;
  /** A JSON object of texts. */
  readonly response_headers: string | null;
  readonly attempt_count: number;
  readonly max_attempts: number;
  /** null of what is not pending. */
  readonly next_attempt_at: number | null;
  readonly duration_ms: number | null;
  readonly created_at: number;
  readonly completed_at: number | null;
}

/** The audit entry up to which webhooks were told, or the time at which they were told of something, by its name. */
export interface WebhookProgressDocument extends Committed {
  readonly _id: string;
  readonly position: number;
}

/** The collections that commits write. */
export interface CommittedCollections {
  readonly apps: AppDocument;
  readonly bundles: BundleDocument;
  readonly releases: ReleaseDocument;
  readonly channels: ChannelDocument;
  readonly sequences: SequenceDocument;
  readonly deployments: DeploymentDocument;
  readonly device_overrides: DeviceOverrideDocument;
  readonly device_self_channels: DeviceChannelDocument;
  readonly device_failures: DeviceFailuresDocument;
  readonly device_events: DeviceEventDocument;
  readonly counters: CounterDocument;
  readonly devices: DeviceDocument;
  readonly statistics: StatisticDocument;
  readonly check_minutes: CheckMinuteDocument;
  readonly planned_deletions: PlannedDeletionDocument;
  readonly api_keys: ApiKeyDocument;
  readonly organizations: OrganizationDocument;
  readonly members: MemberDocument;
  readonly audit_log: AuditDocument;
  readonly webhooks: WebhookDocument;
  readonly webhook_deliveries: WebhookDeliveryDocument;
  readonly webhook_progress: WebhookProgressDocument;
  readonly app_deletions: AppDeletionDocument;
  readonly files: FileDocument;
  readonly manifests: ManifestDocument;
}

export type CollectionName = keyof CommittedCollections;

/** Collections whose documents are deleted one day; the others only grow, or lose documents by age. */
export const collectionsWithDeletion = [
  'apps',
  'bundles',
  'deployments',
  'counters',
  'statistics',
  'check_minutes',
  'devices',
  'app_deletions',
  'releases',
  'channels',
  'device_overrides',
  'device_self_channels',
  'device_failures',
  'planned_deletions',
  'api_keys',
  'organizations',
  'members',
  'webhooks',
  'webhook_deliveries',
  'files',
  'manifests',
] as const satisfies readonly CollectionName[];

/** Its id is the lease's name. */
export interface LeaseDocument {
  readonly _id: string;
  readonly holder: string;
  readonly expires_at: number;
}

/** The condition that leaves out what was deleted. */
export const notGone = { gone: { $ne: true } } as const;
