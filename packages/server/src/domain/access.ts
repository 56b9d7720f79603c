/** What a caller of the management API may do; each holds everything of the one before it. */
export const roles = ['read', 'upload', 'write', 'admin'] as const;
export type Role = (typeof roles)[number];

/** The least role that may do it. A route names one of these, or does not compile. */
const leastRoles = {
  'apps.read': 'read',
  'apps.create': 'write',
  'apps.change': 'write',
  'apps.delete': 'admin',
  'bundles.read': 'read',
  'bundles.upload': 'upload',
  'bundles.change': 'upload',
  'bundles.delete': 'write',
  'releases.read': 'read',
  'releases.change': 'write',
  'channels.read': 'read',
  'channels.change': 'write',
  'channels.deploy': 'write',
  'channels.delete': 'write',
  'devices.read': 'read',
  'devices.change': 'write',
  'statistics.read': 'read',
  'organization.read': 'read',
  'organization.change': 'admin',
  'members.read': 'read',
  'members.change': 'admin',
  'audit.read': 'admin',
  'webhooks.manage': 'admin',
  'keys.manage': 'admin',
} as const satisfies Record<string, Role>;
export type Permission = keyof typeof leastRoles;
export const permissions = Object.keys(leastRoles) as readonly Permission[];

export function leastRole(permission: Permission): Role {
  return leastRoles[permission];
}

/** What concerns everybody on the server: nothing for somebody who may see some apps only. */
const organizationWide: ReadonlySet<Permission> = new Set([
  'organization.change',
  'members.read',
  'members.change',
  'audit.read',
  'webhooks.manage',
  'keys.manage',
]);

/** Who calls the management API, once that is proven. */
export interface Caller {
  /** By what it is proven: a credential of the environment, a stored one, or a person's sign-in. */
  readonly kind: 'management_token' | 'api_key' | 'user';
  /** Names the caller for ever and is no secret: of a key its id, of a person the issuer's subject. */
  readonly id: string;
  /** For people. */
  readonly name: string;
  /** A person's address in lower case, when the issuer says that it is verified. */
  readonly email?: string;
  readonly role: Role;
  /** The apps it may see and change; null for all, also those to come. */
  readonly apps: ReadonlySet<string> | null;
  /** What proves it is a key that never expires. */
  readonly isEndless?: boolean;
}

export function holdsRole(caller: Pick<Caller, 'role'>, role: Role): boolean {
  return roles.indexOf(caller.role) >= roles.indexOf(role);
}

/** Whether the caller may do that to what it may see. */
export function isPermitted(caller: Pick<Caller, 'role' | 'apps'>, permission: Permission): boolean {
  return (
    holdsRole(caller, leastRoles[permission]) && (caller.apps === null || !organizationWide.has(permission))
  );
}

/** Whether the app exists for the caller; one that does not must be answered as one that nobody has. */
export function seesApp({ apps }: Pick<Caller, 'apps'>, appId: string): boolean {
  return apps === null || apps.has(appId);
}
