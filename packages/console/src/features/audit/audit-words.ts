import type { AuditView } from '@capgo-server/protocol/management/audit';
import { recordNoun } from '../../components/record-words.ts';

type Actor = Pick<
  AuditView,
  'actor_type' | 'actor_user_id' | 'actor_user_email' | 'actor_apikey_id' | 'actor_apikey_name'
>;

/** Who it was: for people, and the id to find everything else they did. */
export function actorOf(actor: Actor): { readonly name: string; readonly id: string | null } {
  if (actor.actor_type === 'user') {
    return { name: actor.actor_user_email ?? actor.actor_user_id ?? 'Somebody', id: actor.actor_user_id };
  }
  if (actor.actor_type === 'apikey') {
    return { name: actor.actor_apikey_name ?? actor.actor_apikey_id ?? 'A key', id: actor.actor_apikey_id };
  }
  return { name: actor.actor_type === 'system' ? 'The server' : 'A device', id: null };
}

type Change = Pick<
  AuditView,
  'table_name' | 'record_id' | 'operation' | 'old_record' | 'new_record' | 'changed_fields'
>;

/** What the record is called, as far as it says so. */
function nameOf({ table_name, record_id, old_record, new_record }: Change): string {
  const record = new_record ?? old_record ?? {};
  const names = table_name === 'releases' ? ['version_name'] : ['name', 'email'];
  const name = names.map((field) => record[field]).find((text) => typeof text === 'string' && text !== '');
  return typeof name === 'string' ? name : record_id;
}

/** Bundles leave their record behind, which says that they are deleted. */
function isDeletion({ table_name, operation, changed_fields, new_record }: Change): boolean {
  if (operation === 'DELETE') return true;
  const isBundle = table_name === 'app_versions' && (changed_fields ?? []).includes('deleted');
  return isBundle && new_record?.['deleted'] === true;
}

interface Told {
  readonly noun: string;
  readonly name: string;
  readonly verb: 'made' | 'changed' | 'deleted';
}

export function told(change: Change): Told {
  const verb = isDeletion(change) ? 'deleted' : change.operation === 'INSERT' ? 'made' : 'changed';
  return { noun: recordNoun(change.table_name), name: nameOf(change), verb };
}

const fieldNames: Readonly<Record<string, string>> = {
  app_id: 'App',
  owner_org: 'Organization',
  org_id: 'Organization',
  ios: 'iOS',
  crc_checksum: 'CRC checksum',
  url_origin: 'URL (origin)',
  url_fingerprint: 'URL (fingerprint)',
  version: 'Bundle',
  rollout_version: 'Rollout bundle',
  builtin_bundle_id: 'Builtin bundle',
  active_bundle_id: 'Active bundle',
  disable_auto_update: 'Withholds other versions',
  disable_auto_update_under_native: 'Withholds bundles older than the native app',
  require_apikey_expiration: 'API keys must end',
  max_apikey_expiration_days: 'Days until API keys must end',
  ios_store_url: 'App Store URL',
  android_store_url: 'Play Store URL',
};

/** `rollout_percentage_bps` is `Rollout percentage`. */
export function fieldName(field: string): string {
  const known = Object.hasOwn(fieldNames, field) ? fieldNames[field] : undefined;
  if (known !== undefined) return known;
  const words = field
    .replace(/_(bps|at)$/, '')
    .replaceAll('_', ' ')
    .replace(/\bid\b/, 'id')
    .replace(/^rbac id$/, 'Key id');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** `public, API keys must end`: an abbreviation keeps its letters. */
export function fieldsInSentence(fields: readonly string[]): string {
  return fields
    .map((field) => fieldName(field).replace(/^[A-Z](?=[a-z ]|$)/, (letter) => letter.toLowerCase()))
    .join(', ');
}

/** Fields whose value is the id of a bundle. */
export const bundleFields: ReadonlySet<string> = new Set([
  ...['version', 'rollout_version', 'builtin_bundle_id', 'active_bundle_id'],
]);
