import type { AuditedOverride } from '../../domain/audit-records.ts';
import type { DeviceOverrideDocument } from './schema.ts';

/** An operator's pin of a device. */
export function toOverride(document: DeviceOverrideDocument): AuditedOverride {
  return {
    ...{ appId: document.app_id, deviceId: document.device_id, channelId: document.channel_id },
    expiresAtMs: document.expires_at ?? null,
  };
}
