import type { AuditedOverride } from '../../domain/audit-records.ts';

/** An operator's pin of a device. */
export function toOverride(row: {
  readonly app_id: string;
  readonly device_id: string;
  readonly channel_id: number;
  readonly expires_at?: number | null;
}): AuditedOverride {
  return {
    ...{ appId: row.app_id, deviceId: row.device_id, channelId: row.channel_id },
    expiresAtMs: row.expires_at ?? null,
  };
}
