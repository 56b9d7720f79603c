import { UserManager, WebStorageStateStore } from 'oidc-client-ts';
import { forgetCredential, setSignedOn } from './credential.ts';
import { pageUrl } from './location.ts';
import { fetchSignOnConfig } from './sign-on-config.ts';

const sessionEnded = { why: 'Your session has ended. Sign in again.', isOfPerson: false };
export const callbackPath = 'login/oauth-callback';
let manager: Promise<UserManager> | undefined;

async function createManager(): Promise<UserManager> {
  const { issuer, client_id } = await fetchSignOnConfig();
  const callback = pageUrl(callbackPath);
  const created = new UserManager({
    authority: issuer,
    client_id,
    redirect_uri: callback,
    silent_redirect_uri: callback,
    post_logout_redirect_uri: pageUrl('login'),
    // Authorization code with PKCE; nothing secret is in a browser.
    response_type: 'code',
    scope: 'openid profile email',
    automaticSilentRenew: true,
    userStore: new WebStorageStateStore({ store: sessionStorage }),
    stateStore: new WebStorageStateStore({ store: sessionStorage }),
  });
  created.events.addAccessTokenExpired(() => forgetCredential(sessionEnded));
  return created;
}

function userManager(): Promise<UserManager> {
  manager ??= createManager().catch((error: unknown) => {
    manager = undefined;
    throw error;
  });
  return manager;
}

/**
 * Leaves for the issuer.
 *
 * @param returnTo the path of the page to come back to
 * @param isAsSomebodyElse the issuer is to ask who it is, also when it knows
 */
export async function signOn(returnTo: string, isAsSomebodyElse: boolean): Promise<void> {
  const oidc = await userManager();
  await oidc.signinRedirect({ state: { returnTo }, ...(isAsSomebodyElse ? { prompt: 'login' } : {}) });
}

/**
 * Takes up what the issuer sent back with.
 *
 * @returns the path to go on to, or undefined in the frame of a silent renewal
 */
export async function completeSignOn(): Promise<string | undefined> {
  const oidc = await userManager();
  if (window.parent !== window) {
    await oidc.signinSilentCallback();
    return undefined;
  }
  const user = await oidc.signinRedirectCallback();
  setSignedOn();
  const { returnTo } = (user.state ?? {}) as { returnTo?: unknown };
  // Only a page of ours: never an address that somebody put into the state.
  return typeof returnTo === 'string' && /^\/(?![/\\])/.test(returnTo) ? returnTo : '/';
}

/** The token for the management API, renewed when it has just run out. */
export async function accessToken(): Promise<string | undefined> {
  const oidc = await userManager();
  const user = await oidc.getUser();
  const current = user && !user.expired ? user : await oidc.signinSilent().catch(() => null);
  if (!current) {
    forgetCredential(sessionEnded);
    return undefined;
  }
  // Issuers whose access tokens are for themselves alone: the ID token says who it is.
  return current.access_token.split('.').length === 3 ? current.access_token : current.id_token;
}

/** Forgets the session here and, where the issuer knows how, there. */
export async function signOff(): Promise<void> {
  const oidc = await userManager();
  const endpoint = await oidc.metadataService.getEndSessionEndpoint().catch(() => undefined);
  // Before the page is left: what comes after that may never be done.
  forgetCredential();
  if (endpoint) await oidc.signoutRedirect();
  else await oidc.removeUser();
}
