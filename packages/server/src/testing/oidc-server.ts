import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import Provider, { type Configuration } from 'oidc-provider';

/** People of the provider, with what it says of them. */
const people: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ada: { email: 'ada@example.com', email_verified: true, groups: ['ota-uploaders', 'staff'] },
  eve: { email: 'eve@evil.test', email_verified: true, groups: [] },
  mallory: { email: 'mallory@example.com', email_verified: false, groups: ['ota-admins'] },
  rita: { email: 'rita@example.com', email_verified: true, groups: ['ota-readers'] },
};
export type Person = 'ada' | 'eve' | 'mallory' | 'rita';

const redirectUri = 'https://console.example.com/signed-in';
const scope = 'openid email groups';
const everyScope = `${scope} profile`;

/** What a browser needs, beside what `signIn` does without one. */
export interface OidcOptions {
  /** Where the clients may ask to be sent with a code. */
  readonly redirectUris?: readonly string[];
  /** And after a sign-out. */
  readonly signedOutUris?: readonly string[];
  /** How long the next access token is good for. */
  readonly accessTokenSeconds?: () => number;
}

export interface Tokens {
  readonly idToken: string;
  /** Not a JWT. */
  readonly accessToken: string;
}

/** An OpenID provider as it is installed elsewhere, under our control. */
export interface OidcServer {
  readonly issuer: string;
  /** The paths that were asked for. */
  readonly requests: string[];
  /** Who is before the browsers that come from now on. */
  become(person: Person): void;
  /** Signs a person in as a browser would, at one of the clients `console` and `other`. */
  signIn(person: Person, clientId?: string): Promise<Tokens>;
  /** A token with these claims, signed by the provider's key. */
  sign(claims: JWTPayload, header?: { readonly [name: string]: unknown }): Promise<string>;
  /** Answers what it knows of a person to who shows the token. */
  tell(token: string, claims: object): void;
  /** The provider's public key, as PEM, and its name. */
  publicKey(): Promise<{ readonly pem: string; readonly kid: string }>;
  /** Has a new key from now on, and the old one no more. */
  rotateKeys(): Promise<void>;
  /** Answers 503 under a path, or under all of them with `/`, until `recover`. */
  fail(path: string): void;
  recover(): void;
  close(): Promise<void>;
}

/** It warns of keeping everything in memory, which is as it should be here. */
function createQuietly(issuer: string, configuration: Configuration): Provider {
  const { console } = globalThis;
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return new Provider(issuer, configuration);
  } finally {
    console.warn = warn;
  }
}

async function createKey() {
  const pair = await generateKeyPair('RS256', { extractable: true });
  const kid = randomUUID();
  const jwk: JWK = { ...(await exportJWK(pair.privateKey)), kid, alg: 'RS256', use: 'sig' };
  return { ...pair, kid, jwk };
}

export async function startOidcServer(options: OidcOptions = {}): Promise<OidcServer> {
  const { redirectUris = [], signedOutUris = [], accessTokenSeconds = () => 600 } = options;
  const requests: string[] = [];
  let failing: string | undefined;
  const told = new Map<string, object>();
  let person: Person = 'ada';
  let handle: (request: IncomingMessage, response: ServerResponse) => unknown = () => undefined;
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0] ?? '/';
    requests.push(path);
    const claims = path === '/me' ? told.get(request.headers.authorization ?? '') : undefined;
    if (failing !== undefined && path.startsWith(failing)) response.writeHead(503).end();
    else if (claims) response.end(JSON.stringify(claims));
    else handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  function startProvider(jwk: JWK): void {
    const provider = createQuietly(issuer, {
      clients: ['console', 'other'].map((client_id) => ({
        ...{ client_id, redirect_uris: [redirectUri, ...redirectUris] },
        post_logout_redirect_uris: [...signedOutUris],
        ...{ token_endpoint_auth_method: 'none', grant_types: ['authorization_code'] },
      })),
      jwks: { keys: [jwk] },
      ttl: { Interaction: 600, Grant: 600, Session: 600, AccessToken: accessTokenSeconds, IdToken: 600 },
      // The token endpoint is asked by pages of other origins.
      clientBasedCORS: () => true,
      cookies: { keys: ['some key'] },
      claims: {
        openid: ['sub'],
        email: ['email', 'email_verified'],
        groups: ['groups'],
        profile: ['groups'],
      },
      conformIdTokenClaims: false,
      features: { devInteractions: { enabled: false } },
      findAccount: async (_context, sub) => ({
        accountId: sub,
        claims: async () => ({ sub, ...people[sub] }),
      }),
      interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
      async loadExistingGrant({ oidc: { client, session, provider: own } }) {
        const { clientId } = client ?? {};
        const { accountId } = session ?? {};
        if (clientId === undefined || accountId === undefined) return undefined;
        const grant = new own.Grant({ clientId, accountId });
        grant.addOIDCScope(everyScope);
        await grant.save();
        return grant;
      },
    });
    const callback = provider.callback();
    handle = (request, response) =>
      request.url?.startsWith('/interaction/')
        ? provider.interactionFinished(request, response, { login: { accountId: person } })
        : callback(request, response);
  }

  let key = await createKey();
  startProvider(key.jwk);

  /** Follows redirects to where the browser would leave the provider; answers the code it would bring. */
  async function authorize(parameters: Record<string, string>): Promise<string> {
    const cookies = new Map<string, string>();
    let url = `${issuer}/auth?${new URLSearchParams(parameters)}`;
    for (let hop = 0; hop < 8; hop += 1) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
      await response.arrayBuffer();
      for (const each of response.headers.getSetCookie()) {
        const [name = '', value = ''] = each.split(';')[0]?.split(/=(.*)/s) ?? [];
        cookies.set(name, value);
      }
      url = new URL(response.headers.get('location') ?? '', issuer).href;
      const code = new URL(url).searchParams.get('code');
      if (url.startsWith(redirectUri) && code !== null) return code;
    }
    throw new Error(`Signing in does not end: ${url}`);
  }

  return {
    issuer,
    requests,
    become(who) {
      person = who;
    },
    async signIn(who, clientId = 'console') {
      person = who;
      const verifier = randomUUID() + randomUUID();
      const code_challenge = createHash('sha256').update(verifier).digest('base64url');
      const code = await authorize({
        ...{ client_id: clientId, response_type: 'code', redirect_uri: redirectUri, scope },
        ...{ code_challenge, code_challenge_method: 'S256' },
      });
      const answer = await fetch(`${issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          ...{ client_id: clientId, grant_type: 'authorization_code', code },
          ...{ redirect_uri: redirectUri, code_verifier: verifier },
        }),
      });
      const tokens = (await answer.json()) as { id_token: string; access_token: string };
      return { idToken: tokens.id_token, accessToken: tokens.access_token };
    },
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: key.kid, ...header }).sign(key.privateKey),
    tell(token, claims) {
      told.set(`Bearer ${token}`, claims);
    },
    publicKey: async () => ({ pem: await exportSPKI(key.publicKey), kid: key.kid }),
    async rotateKeys() {
      key = await createKey();
      startProvider(key.jwk);
    },
    fail(path) {
      failing = path;
    },
    recover() {
      failing = undefined;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
