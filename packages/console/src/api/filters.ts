/** The filters of `devices.list`, under its names. */
export const deviceFilterNames = [
  ...(['q', 'bundle', 'version_name', 'native_version', 'plugin_version'] as const),
  ...(['channel', 'has_channel', 'platform', 'active_since', 'failed_bundle'] as const),
] as const;
export type DeviceFilter = Readonly<Partial<Record<(typeof deviceFilterNames)[number], string>>>;

/** The filters of `events.list`, under its names. */
export const eventFilterNames = ['device_id', 'action', 'from', 'to'] as const;
export type EventFilter = Readonly<Partial<Record<(typeof eventFilterNames)[number], string>>>;

/** The filters of `audit.list`, under its names; in an address `from` and `to` are days of the reader's calendar. */
export const auditFilterNames = ['app_id', 'actor', 'table', 'operation', 'from', 'to'] as const;
export type AuditFilter = Readonly<Partial<Record<(typeof auditFilterNames)[number], string>>>;
