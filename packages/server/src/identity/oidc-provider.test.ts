import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { IdentityProvider } from '../ports/identity.ts';
import { createFakeClock, type FakeClock } from '../testing/fake-clock.ts';
import { type OidcServer, startOidcServer } from '../testing/oidc-server.ts';
import { createOidcProvider } from './oidc-provider.ts';

const unavailable = { code: 'unavailable' };
let issuer: OidcServer;
let clock: FakeClock;
let provider: IdentityProvider;
beforeEach(async () => {
  issuer = await startOidcServer();
  // It stands still, and is where the provider's own clock is.
  clock = createFakeClock(Date.now());
  provider = createOidcProvider(
    { issuer: issuer.issuer, clientId: 'console', claimsNeeded: ['email'] },
    clock,
  );
});
afterEach(() => issuer.close());

const countOf = (path: string) => issuer.requests.filter((each) => each === path).length;
const discoveryPath = '/.well-known/openid-configuration';

/** Claims of a token that is good for ten minutes. */
function claimsOf(given: Record<string, unknown> = {}) {
  const now = Math.floor(clock.now() / 1_000);
  return {
    iss: issuer.issuer,
    sub: 'ada',
    aud: 'console',
    email: 'ada@example.com',
    iat: now,
    exp: now + 600,
    ...given,
  };
}

describe('tokens that the provider gave to us', () => {
  it('are good: the one that says who somebody is, and the one that opens its userinfo', async () => {
    const { idToken, accessToken } = await issuer.signIn('ada');
    const ada = {
      sub: 'ada',
      email: 'ada@example.com',
      email_verified: true,
      groups: ['ota-uploaders', 'staff'],
    };
    expect(await provider.findClaims(idToken)).toMatchObject(ada);
    expect(await provider.findClaims(accessToken)).toEqual(ada);
  });

  it('are asked about at once only: nothing before the first, and the same again within a minute', async () => {
    const { idToken, accessToken } = await issuer.signIn('ada');
    issuer.requests.length = 0;
    createOidcProvider({ issuer: issuer.issuer, clientId: 'console', claimsNeeded: [] }, clock);
    expect(issuer.requests).toEqual([]);
    await Promise.all(
      [idToken, idToken, accessToken, accessToken].map((token) => provider.findClaims(token)),
    );
    await Promise.all([idToken, accessToken].map((token) => provider.findClaims(token)));
    expect(issuer.requests.toSorted()).toEqual([discoveryPath, '/jwks', '/me'].toSorted());
    clock.advance(60_001);
    await provider.findClaims(accessToken);
    expect(countOf('/me')).toBe(2);
  });

  it.each([
    ['an audience among others', { aud: ['x', 'console'] }],
    ['ours as authorised party, for another audience', { aud: 'https://api.example.com', azp: 'console' }],
    ['ours as client, for another audience', { aud: 'https://api.example.com', client_id: 'console' }],
    ['an issuer with a slash at its end', { iss: 'slash' }],
    ['an end that passed within our clocks’ difference', { exp: 'just passed' }],
  ])('are good with %s', async (_which, given: Record<string, unknown>) => {
    const claims = claimsOf(given);
    if (given['iss'] === 'slash') claims.iss = `${issuer.issuer}/`;
    if (given['exp'] === 'just passed') claims.exp = Math.floor(clock.now() / 1_000) - 5;
    expect(await provider.findClaims(await issuer.sign(claims))).toMatchObject({ sub: 'ada' });
  });

  it('are good when they name no key, and when they say that they are for access', async () => {
    expect(await provider.findClaims(await issuer.sign(claimsOf(), { kid: undefined }))).toBeDefined();
    expect(await provider.findClaims(await issuer.sign(claimsOf(), { typ: 'at+jwt' }))).toBeDefined();
  });

  it('are completed by userinfo when they lack what entry is decided by, and are the person’s', async () => {
    const emailBy = async (claims: object | undefined, jti: string) => {
      const token = await issuer.sign(claimsOf({ email: undefined, jti }));
      if (claims) issuer.tell(token, claims);
      const found = await provider.findClaims(token);
      expect(found).toMatchObject({ sub: 'ada', aud: 'console' });
      return found?.['email'];
    };
    const email = 'ada@elsewhere.test';
    expect(await emailBy({ sub: 'ada', email }, '1')).toBe(email);
    expect(await emailBy({ sub: 'eve', email }, '2')).toBeUndefined();
    expect(await emailBy({ sub: 'ada', email, azp: 'other' }, '3')).toBeUndefined();
    expect(await emailBy(undefined, '4')).toBeUndefined();
    const complete = await issuer.sign(claimsOf());
    issuer.tell(complete, { sub: 'ada', email });
    expect((await provider.findClaims(complete))?.['email']).toBe('ada@example.com');
  });
});

describe('tokens that are not good', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

  it('are those that the provider gave to another client', async () => {
    const { idToken } = await issuer.signIn('ada', 'other');
    expect(await provider.findClaims(idToken)).toBeUndefined();
  });

  it('are those of another issuer, also when they claim to be of ours', async () => {
    const other = await startOidcServer();
    try {
      const { idToken, accessToken } = await other.signIn('ada');
      expect(await provider.findClaims(idToken)).toBeUndefined();
      expect(await provider.findClaims(accessToken)).toBeUndefined();
      expect(await provider.findClaims(await other.sign(claimsOf()))).toBeUndefined();
    } finally {
      await other.close();
    }
  });

  it('are those without a signature, or with one that our reading of the public key could make', async () => {
    const { pem, kid } = await issuer.publicKey();
    const confused = await new SignJWT(claimsOf())
      .setProtectedHeader({ alg: 'HS256', kid })
      .sign(new TextEncoder().encode(pem));
    const none = [part({ alg: 'none', kid }), part(claimsOf()), ''].join('.');
    const signed = await issuer.sign(claimsOf());
    const [header, , signature] = signed.split('.');
    const changed = [header, part(claimsOf({ sub: 'eve' })), signature].join('.');
    const cut = signed.slice(0, -10);
    const stranger = await generateKeyPair('RS256');
    const embedded = await new SignJWT(claimsOf())
      .setProtectedHeader({ alg: 'RS256', jwk: await exportJWK(stranger.publicKey) })
      .sign(stranger.privateKey);
    for (const token of [confused, none, changed, cut, embedded, `${header}..${signature}`]) {
      expect(await provider.findClaims(token)).toBeUndefined();
    }
  });

  it.each([
    ['for another audience', { aud: 'other' }],
    ['for nobody', { aud: undefined }],
    ['for us but given to another', { azp: 'other' }],
    ['for us but given to another client', { client_id: 'other' }],
    ['of another issuer', { iss: 'https://evil.test' }],
    ['of no issuer', { iss: undefined }],
    ['without an end', { exp: undefined }],
    ['not good yet', { nbf: 32_503_680_000 }],
    ['of nobody', { sub: undefined }],
    ['of no text', { sub: 7 }],
    ['a notice of logout', { events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }],
  ])('are those that are %s', async (_which, given) => {
    expect(await provider.findClaims(await issuer.sign(claimsOf(given) as never))).toBeUndefined();
  });

  it('are those of another purpose', async () => {
    const token = await issuer.sign(claimsOf(), { typ: 'logout+jwt' });
    expect(await provider.findClaims(token)).toBeUndefined();
  });

  it('are told apart when they were good and have expired', async () => {
    const token = await issuer.sign(claimsOf({ exp: Math.floor(clock.now() / 1_000) - 60 }));
    await expect(provider.findClaims(token)).rejects.toMatchObject({ code: 'unauthorized' });
  });

  it('are not asked about when they cannot be of the provider', async () => {
    const foreign = [part({ alg: 'RS256' }), part({ iss: 'https://evil.test' }), 'x'].join('.');
    for (const token of ['', 'a b', 'ä', 'x'.repeat(9_000), 'a.b.c', foreign]) {
      expect(await provider.findClaims(token)).toBeUndefined();
    }
    expect(issuer.requests).toEqual([]);
  });

  it('are remembered when userinfo refuses them', async () => {
    const token = randomUUID();
    for (let time = 0; time < 5; time += 1) expect(await provider.findClaims(token)).toBeUndefined();
    expect(countOf('/me')).toBe(1);
  });
});

describe('the keys of the provider', () => {
  it('may change: a token of the new one is good at once, one of the old one is not', async () => {
    const before = await issuer.sign(claimsOf());
    expect(await provider.findClaims(before)).toBeDefined();
    await issuer.rotateKeys();
    const { idToken } = await issuer.signIn('ada');
    // Within five seconds of the last look they are not looked for again.
    await vi.waitFor(async () => expect(await provider.findClaims(idToken)).toBeDefined(), {
      ...{ timeout: 10_000, interval: 250 },
    });
    expect(await provider.findClaims(before)).toBeUndefined();
  }, 20_000);

  it('are not looked for at each token that names one that is not there', async () => {
    await provider.findClaims(await issuer.sign(claimsOf()));
    for (let time = 0; time < 10; time += 1) {
      const token = await issuer.sign(claimsOf(), { kid: randomUUID() });
      expect(await provider.findClaims(token)).toBeUndefined();
    }
    expect(countOf('/jwks')).toBe(1);
  });
});

describe('a provider that cannot be asked', () => {
  it('makes tokens unavailable, is spared for five seconds, and is asked again then', async () => {
    const { idToken, accessToken } = await issuer.signIn('ada');
    issuer.requests.length = 0;
    issuer.fail('/');
    const tokens = Array.from({ length: 20 }, (_each, index) => (index % 2 === 0 ? idToken : accessToken));
    const outcomes = await Promise.allSettled(tokens.map((token) => provider.findClaims(token)));
    expect(outcomes.every((each) => each.status === 'rejected' && each.reason.code === 'unavailable')).toBe(
      true,
    );
    await expect(provider.findClaims(idToken)).rejects.toMatchObject(unavailable);
    expect(issuer.requests).toEqual([discoveryPath]);
    issuer.recover();
    await expect(provider.findClaims(idToken)).rejects.toMatchObject(unavailable);
    clock.advance(5_001);
    expect(await provider.findClaims(idToken)).toMatchObject({ sub: 'ada' });
  });

  it('is nobody who listens', async () => {
    const nowhere = createOidcProvider(
      { issuer: 'http://127.0.0.1:9', clientId: 'console', claimsNeeded: [] },
      clock,
    );
    await expect(nowhere.findClaims('opaque')).rejects.toMatchObject(unavailable);
  });

  it.each(['/jwks', '/me'])('under %s concerns only the tokens that need it', async (path) => {
    const { idToken, accessToken } = await issuer.signIn('ada');
    issuer.fail(path);
    const [failing, fine] = path === '/me' ? [accessToken, idToken] : [idToken, accessToken];
    for (let time = 0; time < 5; time += 1) {
      await expect(provider.findClaims(failing)).rejects.toMatchObject(unavailable);
    }
    expect(await provider.findClaims(fine)).toMatchObject({ sub: 'ada' });
    expect(countOf(path)).toBe(1);
    issuer.recover();
    clock.advance(5_001);
    expect(await provider.findClaims(failing)).toMatchObject({ sub: 'ada' });
  });

  it('is one that calls itself by another name, which is not believed, nor asked again at once', async () => {
    const named = issuer.issuer.replace('127.0.0.1', 'localhost');
    const other = createOidcProvider({ issuer: named, clientId: 'console', claimsNeeded: [] }, clock);
    const token = await issuer.sign({ ...claimsOf(), iss: named });
    for (let time = 0; time < 3; time += 1) {
      await expect(other.findClaims(token)).rejects.toMatchObject({
        ...{ code: 'unavailable', message: expect.stringContaining('another name than OAUTH_ISSUER') },
      });
    }
    expect(countOf(discoveryPath)).toBe(1);
  });
});
