import { hash } from 'node:crypto';
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { AppError } from '../domain/errors.ts';
import { type Claims, findClaim } from '../domain/sign-in.ts';
import type { Clock } from '../ports/clock.ts';
import type { IdentityProvider } from '../ports/identity.ts';
import { createEndpoint } from './endpoint.ts';

/** Signatures that only who holds a private key can make: with a shared secret, or none, anybody could. */
const algorithms: readonly string[] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** What a token of another purpose calls itself, such as `logout+jwt`, is not among them. */
const tokenTypes: readonly string[] = ['jwt', 'at+jwt'];
const clockToleranceSeconds = 10;
const discoveredForMs = 60 * 60_000;
/** Whoever could not be read, or makes no sense, is not asked again before so long. */
const discoveryCoolDownMs = 5_000;
const keysForMs = 10 * 60_000;
/** A key that is not known is looked for at once, but not again before so long. */
const keysCoolDownMs = 5_000;
/** What the provider said of a token is remembered so long, and of so many tokens. */
const rememberedForMs = 60_000;
const maxRemembered = 1_000;
const maxTokenLength = 8_192;

interface Discovered {
  readonly keys: JWTVerifyGetKey;
  /** Undefined when the provider has none: then tokens that are no JWT say nothing. */
  readonly userinfoUrl: string | undefined;
  readonly atMs: number;
}

export interface OidcSettings {
  /** Without a slash at the end. */
  readonly issuer: string;
  readonly clientId: string;
  /** Claims that are asked for at the provider when a JWT does not hold them. */
  readonly claimsNeeded: readonly string[];
  /** The same of claims that are done without when the provider cannot be asked. */
  readonly claimsWelcome?: readonly string[];
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toClaims(value: unknown): Claims | undefined {
  if (!isRecord(value)) return undefined;
  const { sub } = value;
  return typeof sub === 'string' && sub !== '' ? { ...value, sub } : undefined;
}

/** Where the provider says that something of it is: a URL that is no less safe than its own. */
function endpointUrl(value: unknown, issuer: string): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const { protocol, href } = new URL(value);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'));
  return isSafe ? href : undefined;
}

/** Header and claims of what looks like a JWT, unproven. */
function peek(
  token: string,
): { readonly alg: unknown; readonly typ: unknown; readonly iss: unknown } | undefined {
  try {
    const { alg, typ } = decodeProtectedHeader(token);
    return { alg, typ, iss: decodeJwt(token).iss };
  } catch {
    return undefined;
  }
}

/** Faults of the token; anything else is one of the provider or of the network. */
function isFaultOfToken(error: unknown): boolean {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) &&
    error.code !== 'ERR_JOSE_GENERIC'
  );
}

/** Rejects with jose's errors. A token that names no key is proven by any that fits. */
async function verify(token: string, keys: JWTVerifyGetKey, rules: JWTVerifyOptions): Promise<JWTPayload> {
  try {
    return (await jwtVerify(token, keys, rules)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    for await (const key of error) {
      try {
        return (await jwtVerify(token, key, rules)).payload;
      } catch (each) {
        if (!(each instanceof errors.JWSSignatureVerificationFailed)) throw each;
      }
    }
    throw new errors.JWSSignatureVerificationFailed();
  }
}

/**
 * An OpenID Connect provider. Nothing is asked of it before the first token comes.
 *
 * A JWT is proven by the provider's published keys, which are read again when a token names another key. Any other token
 * is shown to the provider's userinfo endpoint, which does not say to whom it was given.
 */
export function createOidcProvider(settings: OidcSettings, clock: Clock): IdentityProvider {
  const { issuer, clientId, claimsNeeded, claimsWelcome = [] } = settings;
  const issuers = [issuer, `${issuer}/`];
  const discovery = createEndpoint([200], clock);
  const keySet = createEndpoint([200], clock);
  const userinfo = createEndpoint([200, 400, 401, 403], clock);
  let discovered: Discovered | undefined;
  let discovering: Promise<Discovered> | undefined;
  let failed: { readonly error: unknown; readonly untilMs: number } | undefined;
  /** In the order in which they came, so that what lies first is the oldest. */
  const remembered = new Map<
    string,
    { readonly claims: Promise<Claims | undefined>; readonly untilMs: number }
  >();

  function misconfigured(why: string): AppError {
    return new AppError('unavailable', `The identity provider is not set up as it should be: ${why}`);
  }

  async function discoverNow(): Promise<Discovered> {
    const response = await discovery.ask(`${issuer}/.well-known/openid-configuration`, {});
    const document: unknown = await response.json().catch(() => undefined);
    if (!isRecord(document)) throw misconfigured('what it publishes of itself is not JSON');
    if (!issuers.some((each) => each === document['issuer'])) {
      throw misconfigured('it calls itself by another name than OAUTH_ISSUER');
    }
    const keysUrl = endpointUrl(document['jwks_uri'], issuer);
    if (keysUrl === undefined) throw misconfigured('it publishes no keys, or not over https');
    const keys = createRemoteJWKSet(new URL(keysUrl), {
      ...{ cacheMaxAge: keysForMs, cooldownDuration: keysCoolDownMs },
      [customFetch]: (url) => keySet.ask(url, {}),
    });
    return { keys, userinfoUrl: endpointUrl(document['userinfo_endpoint'], issuer), atMs: clock.now() };
  }

  async function discover(): Promise<Discovered> {
    if (discovered && clock.now() - discovered.atMs < discoveredForMs) return discovered;
    try {
      if (failed && clock.now() < failed.untilMs) throw failed.error;
      discovering ??= discoverNow().finally(() => {
        discovering = undefined;
      });
      discovered = await discovering;
      failed = undefined;
    } catch (error) {
      if (failed?.error !== error) failed = { error, untilMs: clock.now() + discoveryCoolDownMs };
      // What it said an hour ago is better than nothing.
      if (!discovered) throw error;
    }
    return discovered;
  }

  /** Whether a proven token was given to us, for us. */
  function isForUs({ aud, azp, client_id, events }: JWTPayload): boolean {
    // That is what a notice of logout has, which is no proof that somebody is there.
    if (events !== undefined) return false;
    const givenTo = azp ?? client_id;
    if (givenTo !== undefined) return givenTo === clientId;
    return [aud].flat().includes(clientId);
  }

  async function proven(token: string): Promise<Claims | undefined> {
    const { keys } = await discover();
    // biome-ignore lint/style/noRestrictedGlobals: the library wants a Date; the time in it is the clock's.
    const currentDate = new Date(clock.now());
    const rules: JWTVerifyOptions = {
      ...{ issuer: issuers, algorithms: [...algorithms], requiredClaims: ['sub', 'exp'] },
      ...{ clockTolerance: clockToleranceSeconds, currentDate },
    };
    try {
      const payload = await verify(token, keys, rules);
      return isForUs(payload) ? toClaims(payload) : undefined;
    } catch (error) {
      if (error instanceof AppError) throw error;
      if (error instanceof errors.JWTExpired) {
        throw new AppError('unauthorized', 'This sign-in has expired; sign in again', { cause: error });
      }
      if (isFaultOfToken(error)) return undefined;
      throw new AppError('unavailable', 'The keys of the identity provider cannot be read', { cause: error });
    }
  }

  async function askUserinfo(token: string): Promise<Claims | undefined> {
    const { userinfoUrl } = await discover();
    if (userinfoUrl === undefined) return undefined;
    const response = await userinfo.ask(userinfoUrl, { headers: { authorization: `Bearer ${token}` } });
    if (response.status !== 200) {
      await response.body?.cancel();
      return undefined;
    }
    const claims = toClaims(await response.json().catch(() => undefined));
    const givenTo = claims?.['azp'] ?? claims?.['client_id'] ?? clientId;
    return givenTo === clientId ? claims : undefined;
  }

  function forget(nowMs: number): void {
    for (const [key, { untilMs }] of remembered) {
      if (untilMs > nowMs && remembered.size <= maxRemembered) return;
      remembered.delete(key);
    }
  }

  /** What the provider says of a token itself; of several who ask at once, and for a while afterwards, one asks. */
  function toldBy(token: string): Promise<Claims | undefined> {
    const key = hash('sha256', token, 'base64');
    const nowMs = clock.now();
    const known = remembered.get(key);
    if (known && known.untilMs > nowMs) return known.claims;
    remembered.delete(key);
    const claims = askUserinfo(token);
    remembered.set(key, { claims, untilMs: nowMs + rememberedForMs });
    claims.catch(() => remembered.delete(key));
    forget(nowMs);
    return claims;
  }

  return {
    async findClaims(token) {
      if (token.length > maxTokenLength || !/^[\w.~+/-]+=*$/.test(token)) return undefined;
      const seen = peek(token);
      if (!seen) return /^[\w-]+\.[\w-]+\.[\w-]*$/.test(token) ? undefined : toldBy(token);
      const { alg, typ = 'jwt', iss } = seen;
      const isOfUse =
        algorithms.includes(String(alg)) &&
        tokenTypes.includes(
          String(typ)
            .toLowerCase()
            .replace(/^application\//, ''),
        ) &&
        issuers.includes(String(iss));
      // Before anything is asked: tokens of others are no reason to.
      if (!isOfUse) return undefined;
      const claims = await proven(token);
      if (!claims) return undefined;
      const holds = (names: readonly string[]) =>
        names.every((name) => findClaim(claims, name) !== undefined);
      if (holds(claimsNeeded) && holds(claimsWelcome)) return claims;
      const told = await toldBy(token).catch((error: unknown) => {
        if (holds(claimsNeeded)) return undefined;
        throw error;
      });
      return told?.sub === claims.sub ? { ...told, ...claims } : claims;
    },
  };
}
