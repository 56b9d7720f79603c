/** A stored device event as the management API shows it; times are ISO 8601 in UTC. */
export interface DeviceEventView {
  readonly id: string;
  readonly app_id: string;
  readonly device_id: string;
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
  readonly metadata: Readonly<Record<string, string>> | null;
  /** The channel that served it; null for none. */
  readonly channel: string | null;
  /** By the device's clock. */
  readonly device_time: string | null;
  readonly received_at: string;
}
