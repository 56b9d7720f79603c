/** What the audit log and webhooks tell of, by their names for it. */
export const recordNouns: Readonly<Record<string, string>> = {
  apps: 'App',
  app_versions: 'Bundle',
  channels: 'Channel',
  releases: 'Release',
  channel_devices: 'Device pin',
  apikeys: 'API key',
  orgs: 'Organization',
  org_users: 'Member',
  webhooks: 'Webhook',
};

export const operationWords: Readonly<Record<string, string>> = {
  INSERT: 'made',
  UPDATE: 'changed',
  DELETE: 'deleted',
};

export function recordNoun(table: string): string {
  return Object.hasOwn(recordNouns, table) ? (recordNouns[table] ?? table) : table;
}
