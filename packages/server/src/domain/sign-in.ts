import { type Caller, type Role, roles } from './access.ts';

/** What the identity provider says of a person. */
export type Claims = Readonly<Record<string, unknown>> & { readonly sub: string };

/** Who of the identity provider's people is an operator. Every rule that is there must hold. */
export interface SignInRules {
  /** Addresses in lower case; with `domains` either is enough. */
  readonly emails: readonly string[];
  /** What stands behind the @ of an address, in lower case. */
  readonly domains: readonly string[];
  /** The claim that says a person's role: its name, or its path with dots; null when everybody is an admin. */
  readonly roleClaim: string | null;
  /** Which value of the claim stands for which role; when there is none, the roles' own names do. */
  readonly roleValues: readonly { readonly value: string; readonly role: Role }[];
}

export type Entry =
  | { readonly caller: Caller }
  /** A sentence for the person. */
  | { readonly refusal: string };

const nameMaxLength = 200;

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}

/** Whether somebody decided who may come in; else everybody of the identity provider may do everything. */
export function isRestricted({ emails, domains, roleClaim }: SignInRules): boolean {
  return emails.length > 0 || domains.length > 0 || roleClaim !== null;
}

/** The claims that entry is decided by. */
export function claimsNeeded({ emails, domains, roleClaim }: SignInRules): readonly string[] {
  return [
    ...(emails.length > 0 || domains.length > 0 ? ['email'] : []),
    ...(roleClaim === null ? [] : [roleClaim]),
  ];
}

/** Claims that are asked for when they are missing, but done without. */
export const claimsWelcome: readonly string[] = ['email', 'email_verified'];

/** The person's address in lower case, when the identity provider vouches for it. */
export function verifiedEmail(claims: Claims): string | undefined {
  const isVerified = claims['email_verified'] === true || claims['email_verified'] === 'true';
  return isVerified ? textOf(claims['email'])?.toLowerCase() : undefined;
}

function own(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null && Object.hasOwn(holder, name)
    ? (holder as Record<string, unknown>)[name]
    : undefined;
}

/** A claim by its name, which may hold dots itself, or by its path. */
export function findClaim(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  const direct = own(claims, name);
  return direct === undefined ? name.split('.').reduce<unknown>(own, claims) : direct;
}

/** The greatest role that the claim stands for. */
function roleOf(claims: Claims, { roleClaim, roleValues }: SignInRules): Role | undefined {
  if (roleClaim === null) return 'admin';
  const claim = findClaim(claims, roleClaim);
  const values = (typeof claim === 'string' ? claim.split(/[\s,]+/).concat(claim) : claim) as unknown;
  if (!Array.isArray(values)) return undefined;
  const meanings = roleValues.length > 0 ? roleValues : roles.map((role) => ({ value: role, role }));
  const held = meanings.filter(({ value }) => values.includes(value)).map(({ role }) => role);
  return roles.findLast((role) => held.includes(role));
}

/** Why the person's address does not let it in. */
function emailRefusal(claims: Claims, { emails, domains }: SignInRules): string | undefined {
  if (emails.length === 0 && domains.length === 0) return undefined;
  const email = textOf(claims['email'])?.toLowerCase();
  if (email === undefined) return 'The identity provider tells no email address of yours';
  // Some providers write truth values as texts.
  if (claims['email_verified'] === false || claims['email_verified'] === 'false') {
    return 'Your email address is not verified';
  }
  const domain = email.slice(email.lastIndexOf('@') + 1);
  const isLetIn = emails.includes(email) || (email.includes('@') && domains.includes(domain));
  return isLetIn ? undefined : 'Your email address is not one of those that may sign in here';
}

/** The person as a caller, with what it may do. */
export function personOf(claims: Claims, access: Pick<Caller, 'role' | 'apps'>): Caller {
  const name =
    textOf(claims['email']) ?? textOf(claims['preferred_username']) ?? textOf(claims['name']) ?? claims.sub;
  const shownName = name.replace(/\p{Cc}/gu, ' ').slice(0, nameMaxLength);
  const email = verifiedEmail(claims);
  const person = { kind: 'user', id: claims.sub, name: shownName, ...access } as const;
  return email === undefined ? person : { ...person, email };
}

/** Whether the person is let in, and what it may do then: in all apps. */
export function admit(claims: Claims, rules: SignInRules): Entry {
  const refusal = emailRefusal(claims, rules);
  if (refusal !== undefined) return { refusal };
  const role = roleOf(claims, rules);
  if (role === undefined) return { refusal: 'The identity provider gives you no role on this server' };
  return { caller: personOf(claims, { role, apps: null }) };
}
