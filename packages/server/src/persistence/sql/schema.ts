import type {
  Generated,
  Insertable,
  Kysely,
  OnConflictBuilder,
  OnConflictDoNothingBuilder,
  OnConflictUpdateBuilder,
  RawBuilder,
  Transaction,
} from 'kysely';

import type { DeviceKey } from '../../domain/device.ts';

/** Times are epoch milliseconds, truth values 0 or 1, absent texts null. */
export interface Schema {
  apps: AppsTable;
  bundles: BundlesTable;
  files: FilesTable;
  manifests: ManifestsTable;
  releases: ReleasesTable;
  channels: ChannelsTable;
  deployments: DeploymentsTable;
  device_overrides: DeviceOverridesTable;
  device_self_channels: DeviceChannelsTable;
  device_failures: DeviceFailuresTable;
  device_events: DeviceEventsTable;
  counters: CountersTable;
  devices: DevicesTable;
  device_activity: DeviceActivityTable;
  statistics: StatisticsTable;
  check_minutes: CheckMinutesTable;
  planned_deletions: PlannedDeletionsTable;
  api_keys: ApiKeysTable;
  sequences: SequencesTable;
  app_deletions: AppDeletionsTable;
  changes: ChangesTable;
  leases: LeasesTable;
  organizations: OrganizationsTable;
  members: MembersTable;
  audit_log: AuditLogTable;
  webhooks: WebhooksTable;
  webhook_deliveries: WebhookDeliveriesTable;
  webhook_progress: WebhookProgressTable;
}

export interface AppsTable {
  app_id: string;
  created_at: number;
  expose_metadata: number;
  allow_device_custom_id: number;
  owner_org: string;
  name: Generated<string | null>;
  icon: Generated<string>;
  /** null for ever. */
  retention_seconds: Generated<number | null>;
  default_upload_channel: Generated<string>;
  need_onboarding: Generated<number>;
  existing_app: Generated<number>;
  block_provider_infra_requests: Generated<number>;
  ios_store_url: Generated<string | null>;
  android_store_url: Generated<string | null>;
  updated_at: number;
}

export interface BundlesTable {
  id: string;
  app_id: string;
  version_name: string;
  description: string;
  crc_checksum: string;
  checksum: string;
  size: number;
  session_key: string;
  key_id: string | null;
  min_update_version: string | null;
  /** '' for a bundle that lies elsewhere. */
  object_key: string;
  external_url: string | null;
  link: string | null;
  comment: string | null;
  created_at: number;
  /** Deleted bundles keep their row: it is what keeps their version name taken. */
  deleted_at: number | null;
  /** Of the sequence `bundles`. */
  number: number;
  updated_at: number;
  manifest_state: string;
  manifest_reason: string | null;
  /** How often somebody began to make the manifest and was not heard of again. */
  manifest_attempts: number;
}

export interface FilesTable {
  id: string;
  app_id: string;
  name: string;
  object_key: string;
  size: number;
  is_brotli: number;
  /** How many manifests name it. */
  uses: number;
  /** Since when none does; null while one does. */
  released_at: number | null;
}

/** Of bundles that were not deleted. */
export interface ManifestsTable {
  bundle_id: string;
  file_count: number;
  /** See `packed-manifest.ts`. */
  entries: Uint8Array;
}

export interface ReleasesTable {
  id: string;
  app_id: string;
  platform: string;
  version_name: string;
  version_code: string;
  release_date: number | null;
  builtin_bundle_id: string;
  active_bundle_id: string | null;
  created_at: number;
  updated_at: number;
}

export interface ChannelsTable {
  /** Never given out twice, also after deletion: devices and operators may still hold an old number. */
  id: Generated<number>;
  app_id: string;
  name: string;
  is_public: number;
  allow_device_self_set: number;
  ios: number;
  android: number;
  electron: number;
  policy: string;
  blocks_under_native: number;
  allow_prod: number;
  allow_dev: number;
  allow_device: number;
  allow_emulator: number;
  update_package: string;
  bundle_id: string | null;
  rollout_id: string;
  rollout_bundle_id: string | null;
  rollout_enabled: number;
  rollout_percentage_bps: number;
  rollout_paused_at: number | null;
  rollout_pause_reason: string | null;
  rollout_cache_ttl_seconds: number;
  auto_pause_enabled: number;
  auto_pause_window_minutes: number;
  auto_pause_failure_rate_bps: number | null;
  auto_pause_confidence: number;
  auto_pause_min_attempts: number | null;
  auto_pause_min_failures: number | null;
  auto_pause_action: string;
  auto_pause_cooldown_minutes: number;
  auto_pause_last_triggered_at: number | null;
  created_at: number;
  updated_at: number;
}

export interface DeploymentsTable {
  id: string;
  app_id: string;
  /** Of this and the next one is null. Neither refers to its table: the history outlives what it is about. */
  channel_id: number | null;
  release_id: string | null;
  bundle_id: string | null;
  rollout_bundle_id: string | null;
  actor: string;
  reason: string;
  created_at: number;
}

/** One channel of one device; goes away with the channel. */
interface DeviceChannelsTable {
  app_id: string;
  device_id: string;
  channel_id: number;
}

interface DeviceOverridesTable extends DeviceChannelsTable {
  /** null for one without an end. */
  expires_at: number | null;
}

export interface DeviceFailuresTable {
  app_id: string;
  device_id: string;
  version_name: string;
  failures: number;
  last_failed_at: number;
}

export interface DeviceEventsTable {
  id: string;
  app_id: string;
  device_id: string;
  received_at: number;
  device_time: number | null;
  action: string;
  version_name: string;
  old_version_name: string | null;
  platform: string;
  plugin_version: string | null;
  version_build: string | null;
  version_code: string | null;
  version_os: string | null;
  is_emulator: number;
  is_prod: number;
  custom_id: string | null;
  default_channel: string | null;
  key_id: string | null;
  install_source: string | null;
  /** A JSON object of texts. */
  metadata: string | null;
  channel_name: string | null;
  /** `install` or `fail` when the event counts for a rollout, and of which bundle: kept so that counting reads an index only. */
  outcome: string | null;
  outcome_bundle: string | null;
}

export interface CountersTable {
  app_id: string;
  date: string;
  bundle: string;
  channel: string;
  platform: string;
  gets: number;
  installs: number;
  uninstalls: number;
  fails: number;
}

export interface DevicesTable {
  app_id: string;
  device_id: string;
  platform: string;
  plugin_version: string | null;
  version_os: string | null;
  version_build: string | null;
  version_code: string | null;
  version_name: string | null;
  custom_id: string | null;
  is_emulator: number;
  is_prod: number;
  default_channel: string | null;
  key_id: string | null;
  install_source: string | null;
  first_seen: number;
  seen_at: number;
}

/** What a device is counted under, on the day it was there last. */
export interface DeviceActivityTable {
  app_id: string;
  device_id: string;
  active_on: string;
  counted_at: number;
  platform: string;
  bundle: string;
  native_version: string;
  plugin_version: string;
  channel: string;
  offered: string | null;
  /** As in the inventory, whose lists are in its order. */
  first_seen: number;
}

interface StatisticsTable {
  app_id: string;
  metric: string;
  date: string;
  name: string;
  detail: string;
  amount: number;
}

export interface CheckMinutesTable {
  app_id: string;
  /** Epoch milliseconds of its start. */
  minute: number;
  checks: number;
}

interface PlannedDeletionsTable {
  object_key: string;
  due_at: number;
}

export interface ApiKeysTable {
  id: Generated<number>;
  name: string;
  role: string;
  /** A JSON list of app ids. */
  apps: string | null;
  /** SHA-256 of the key, in lower-case hex. */
  key_hash: string;
  rbac_id: string;
  created_by: string;
  created_at: number;
  updated_at: number;
  expires_at: number | null;
  last_used_at: number | null;
}

/** The last number that was given out, under the name of what it numbers. */
interface SequencesTable {
  name: string;
  last: number;
}

/** Apps that were deleted and may have left events and devices behind. */
interface AppDeletionsTable {
  app_id: string;
  deleted_at: number;
}

interface ChangesTable {
  revision: Generated<number>;
  /** '' when it is about an API key. */
  app_id: string;
  device_id: string | null;
}

interface LeasesTable {
  name: string;
  holder: string;
  expires_at: number;
}

export interface OrganizationsTable {
  id: string;
  name: string;
  logo: string | null;
  website: string | null;
  management_email: string | null;
  created_by: string | null;
  require_key_expiration: number;
  max_key_expiration_days: number | null;
  enforce_encrypted_bundles: number;
  required_encryption_key: string | null;
  created_at: number;
  updated_at: number;
}

export interface MembersTable {
  id: string;
  org_id: string;
  email: string;
  role: string;
  accepted_at: number | null;
  created_at: number;
  updated_at: number;
}

export interface AuditLogTable {
  id: Generated<number>;
  created_at: number;
  table_name: string;
  record_id: string;
  operation: string;
  app_id: string | null;
  org_id: string | null;
  /** JSON, as the next two. */
  old_record: string | null;
  new_record: string | null;
  changed_fields: string | null;
  actor_kind: string;
  actor_id: string;
  actor_name: string;
  actor_email: string | null;
}

export interface WebhooksTable {
  id: string;
  org_id: string;
  name: string;
  url: string;
  secret: string;
  is_enabled: number;
  /** A JSON list of texts. */
  events: string;
  delivery_version: string;
  created_by: string | null;
  created_at: number;
  updated_at: number;
}

export interface WebhookDeliveriesTable {
  id: string;
  webhook_id: string;
  audit_id: number | null;
  event_id: string;
  event_type: string;
  status: string;
  /** JSON, to the letter as it is sent and signed. */
  payload: string;
  delivery_version: string;
  response_status: number | null;
  response_body: string | null;
  /** A JSON object of texts. */
  response_headers: string | null;
  attempt_count: number;
  max_attempts: number;
  /** null of what is not pending. */
  next_attempt_at: number | null;
  duration_ms: number | null;
  created_at: number;
  completed_at: number | null;
}

/** The audit entry up to which webhooks were told, or the time at which they were told of something. */
interface WebhookProgressTable {
  name: string;
  position: number;
}

/** Tables that are written many rows at a time. */
export type BulkTable =
  | 'device_events'
  | 'counters'
  | 'devices'
  | 'device_activity'
  | 'statistics'
  | 'check_minutes'
  | 'device_failures'
  | 'changes'
  | 'files'
  | 'planned_deletions';

/** What becomes of rows whose key a table has already. */
export type ConflictRule<Table extends BulkTable> = (
  conflict: OnConflictBuilder<Schema, Table>,
) => OnConflictDoNothingBuilder<Schema, Table> | OnConflictUpdateBuilder<Schema, Table>;

/** A connected SQL engine: its queries, and the few things engines do each in their own way. */
export interface SqlDatabase {
  readonly db: Kysely<Schema>;
  /**
   * Runs what changes an app or what is remembered of its devices, in a transaction of its own. Such transactions run
   * one after the other, over all nodes: what one has read holds until it has written, and they end in the order of
   * the revisions they give.
   */
  change<Result>(run: (transaction: Transaction<Schema>) => Promise<Result>): Promise<Result>;
  /** Makes a transaction one of these, when it finds late that it has something to change. */
  lockChanges(transaction: Kysely<Schema>): Promise<void>;
  /**
   * Runs what only adds to what is known of devices, in a transaction of its own and where the engine can beside
   * others. It is run again when it got in the way of another one.
   */
  write<Result>(run: (transaction: Transaction<Schema>) => Promise<Result>): Promise<Result>;
  /** Runs reads that all see the database as of one moment. */
  read<Result>(run: (transaction: Transaction<Schema>) => Promise<Result>): Promise<Result>;
  /**
   * Inserts rows of the same shape in their order, as part of a transaction of `db`, except those that a unique index
   * or primary key has already; answers for each row whether it was inserted. Far faster than one statement of many
   * values where the engine can prepare a statement once.
   */
  insertNew<Table extends BulkTable>(
    transaction: Kysely<Schema>,
    table: Table,
    rows: readonly Insertable<Schema[Table]>[],
  ): Promise<readonly boolean[]>;
  /** Inserts rows of the same shape and different keys, as part of a transaction of `db`, or does with them what the rule says. */
  upsertMany<Table extends BulkTable>(
    transaction: Kysely<Schema>,
    table: Table,
    rows: readonly Insertable<Schema[Table]>[],
    rule: ConflictRule<Table>,
  ): Promise<void>;
  /** Keeps others from writing rows of the inventory until the transaction ends. */
  lockDevices(transaction: Kysely<Schema>, devices: readonly DeviceKey[]): Promise<void>;
  /** What `in` may stand before, for any number of texts: they are one parameter. */
  listed(texts: readonly string[]): RawBuilder<string>;
  /** Whether the error of a query means that a unique index or primary key has the value already. */
  isUniqueViolation(error: unknown): boolean;
  /** Rejects with `unavailable` when what lies under the connection is gone, which a query need not notice. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
