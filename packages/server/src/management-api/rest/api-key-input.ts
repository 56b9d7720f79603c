import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import { parseTimestamp } from '@capgo-server/protocol/formats/timestamps';
import { type Role, roles } from '../../domain/access.ts';
import type { ApiKeyChanges } from '../../services/api-keys.ts';
import { RestError } from './rest-error.ts';
import type { RestInput } from './rest-input.ts';

/** What a key may do, and where. */
interface Rights {
  readonly role: Role;
  readonly apps: readonly string[] | null;
}

/** What the hosted service calls roles, of an organization and of an app, as far as we have the same. */
const hostedRoles: Readonly<Record<string, Readonly<Record<string, Role>>>> = {
  org: { org_super_admin: 'admin', org_admin: 'admin', org_member: 'read' },
  app: { app_admin: 'admin', app_developer: 'write', app_uploader: 'upload', app_reader: 'read' },
};

/** What the documentation calls roles. */
export const modeOf: Readonly<Record<Role, string>> = {
  ...{ read: 'read', upload: 'upload', write: 'write', admin: 'all' },
};

const isGiven = (value: unknown) => value !== undefined && value !== null;

function invalidBindings(message: string): RestError {
  return new RestError('invalid_bindings', message);
}

function rightsOfBinding(binding: unknown): Rights {
  const fields = (typeof binding === 'object' && binding !== null ? binding : {}) as RestInput;
  const { role_name: name, scope_type: scope, app_id: appId } = fields;
  const role = hostedRoles[String(scope)]?.[String(name)];
  if (role === undefined) {
    throw invalidBindings(
      'A binding must have the scope_type org with org_super_admin, org_admin or org_member as role_name, or app with app_admin, app_developer, app_uploader or app_reader; keys of this server are for no single channel',
    );
  }
  if (scope === 'org') return { role, apps: null };
  if (typeof appId !== 'string' || !isAppId(appId)) {
    throw invalidBindings('A binding of an app must have its reverse-domain id as app_id');
  }
  return { role, apps: [appId] };
}

function rightsOfBindings(bindings: unknown): Rights {
  if (!Array.isArray(bindings) || bindings.length === 0) {
    throw invalidBindings('bindings must be a list with at least one binding');
  }
  const each = bindings.map(rightsOfBinding);
  const [first] = each as [Rights, ...Rights[]];
  const apps = each.flatMap((rights) => rights.apps ?? []);
  const isOfOrganization = apps.length === 0;
  const count = isOfOrganization ? each.length : new Set(apps).size;
  if (each.some(({ role }) => role !== first.role) || (!isOfOrganization && apps.length < each.length)) {
    throw invalidBindings(
      'A key of this server has one role, for all apps or for some: the bindings must agree',
    );
  }
  if (count < each.length || (isOfOrganization && each.length > 1)) {
    throw new RestError('duplicate_binding', 'Two bindings are the same', { status: 409 });
  }
  return { role: first.role, apps: isOfOrganization ? null : apps };
}

function givenRole({ role, mode }: RestInput): Role | undefined {
  if (!isGiven(role) && !isGiven(mode)) return undefined;
  const found = isGiven(role)
    ? roles.find((each) => each === role)
    : roles.find((each) => modeOf[each] === mode || each === mode);
  if (found) return found;
  const text = 'Invalid mode specified. Must be one of: read, write, upload, all';
  throw new RestError('invalid_body', 'role must be read, upload, write or admin', { documentedText: text });
}

function givenApps({ apps, limited_to_apps: limited }: RestInput): readonly string[] | null | undefined {
  // There an empty list is no limit; here nobody may take it for one.
  const value = apps === undefined ? (Array.isArray(limited) && limited.length === 0 ? null : limited) : apps;
  if (value === undefined || value === null) return value;
  if (Array.isArray(value) && value.every((each) => typeof each === 'string')) return value as string[];
  throw new RestError('invalid_body', 'apps must be a list of app ids, or null for all');
}

/** Role and apps in our words, in those of the documentation, or as bindings; bindings say both. */
function givenRights(input: RestInput): Partial<Rights> {
  if (isGiven(input['bindings'])) return rightsOfBindings(input['bindings']);
  const role = givenRole(input);
  const apps = givenApps(input);
  return { ...(role && { role }), ...(apps === undefined ? {} : { apps }) };
}

function givenExpiry({ expires_at: value }: RestInput): number | null | undefined {
  if (value === undefined || value === null) return value;
  const time = typeof value === 'string' ? parseTimestamp(value) : undefined;
  if (time !== undefined) return time;
  const text = 'expires_at must be a date, or a date-time with zone, such as 2027-01-31T12:00:00Z, or null';
  throw new RestError('invalid_expiration_date', text);
}

function requireNoGlobalPermissions({ global_permissions: given }: RestInput): void {
  if (!isGiven(given) || (Array.isArray(given) && given.length === 0)) return;
  throw new RestError(
    'invalid_global_permissions',
    'This server has one organization, so no key may create others: leave global_permissions out',
  );
}

/** What a request says of a key, whatever of it is there. Rejects with that API's codes. */
export function apiKeyInput(input: RestInput): ApiKeyChanges {
  const { name } = input;
  if (isGiven(name) && typeof name !== 'string') {
    throw new RestError('name_must_be_a_string', 'Name must be a string');
  }
  const rights = givenRights(input);
  const expiresAtMs = givenExpiry(input);
  requireNoGlobalPermissions(input);
  return { ...rights, ...(typeof name === 'string' ? { name } : {}), expiresAtMs };
}
