import type { Generated, Kysely } from 'kysely';

/** Times are epoch milliseconds, truth values 0 or 1, absent texts null. */
export interface Schema {
  apps: AppsTable;
  bundles: BundlesTable;
  releases: ReleasesTable;
  device_events: DeviceEventsTable;
  planned_deletions: PlannedDeletionsTable;
}

interface AppsTable {
  app_id: string;
  created_at: number;
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
  object_key: string;
  created_at: number;
  /** Deleted bundles keep their row: it is what keeps their version name taken. */
  deleted_at: number | null;
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

export interface DeviceEventsTable {
  id: Generated<number>;
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
}

interface PlannedDeletionsTable {
  object_key: string;
  due_at: number;
}

/** A connected SQL engine: its queries, and the few things engines do each in their own way. */
export interface SqlDatabase {
  readonly db: Kysely<Schema>;
  /**
   * Inserts rows of the same shape in one transaction, in their order; far faster than one statement of many values
   * where the engine can prepare a statement once.
   */
  insertMany(table: 'device_events', rows: readonly Omit<DeviceEventsTable, 'id'>[]): Promise<void>;
  /** Whether the error of a query means that a unique index or primary key has the value already. */
  isUniqueViolation(error: unknown): boolean;
  /** Rejects with `unavailable` when what lies under the connection is gone, which a query need not notice. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
