/**
 * What proves the operator: a key in the session storage, which lives as long as the tab, or a sign-on at the issuer,
 * whose tokens `sign-on.ts` keeps in the same place.
 */
const keyName = 'capgo-server.key';
const ssoName = 'capgo-server.sso';

/** Why a session ended that nobody wanted to end. */
export interface Refusal {
  readonly why: string;
  /** It is not the session but the person that is not let in: another one may be. */
  readonly isOfPerson: boolean;
}

type Listener = () => void;
const listeners = new Set<Listener>();
let lastRefusal: Refusal | undefined;

function announce(): void {
  for (const listener of listeners) listener();
}

export function onCredentialChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Changes with every sign-in and sign-out; undefined when nobody is signed in. */
export function credentialState(): string | undefined {
  if (sessionStorage.getItem(ssoName) !== null) return 'sso';
  return sessionStorage.getItem(keyName) ?? undefined;
}

/** Whether the session was proven at the issuer. */
export function isSignedOn(): boolean {
  return sessionStorage.getItem(ssoName) !== null;
}

/** The key, unless the session was proven at the issuer. */
export function storedKey(): string | undefined {
  return sessionStorage.getItem(keyName) ?? undefined;
}

export function setKey(key: string): void {
  sessionStorage.removeItem(ssoName);
  sessionStorage.setItem(keyName, key);
  lastRefusal = undefined;
  announce();
}

/** The session was proven at the issuer. */
export function setSignedOn(): void {
  sessionStorage.removeItem(keyName);
  sessionStorage.setItem(ssoName, '1');
  lastRefusal = undefined;
  announce();
}

/** @param reason shown on the sign-in page; undefined when it was the operator's wish */
export function forgetCredential(reason?: Refusal): void {
  const wasSignedIn = credentialState() !== undefined;
  sessionStorage.removeItem(keyName);
  sessionStorage.removeItem(ssoName);
  lastRefusal = wasSignedIn ? reason : lastRefusal;
  announce();
}

/** Why the last session ended, when it was not the operator's wish. */
export function refusal(): Refusal | undefined {
  return lastRefusal;
}
