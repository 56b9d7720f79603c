import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OidcServer, startOidcServer } from '../../packages/server/src/testing/oidc-server.ts';
import { findFreePort } from '../../packages/server/src/testing/ports.ts';
import { type RunningServer, startServer } from '../start-server.ts';
import { noChromium } from './chromium.ts';
import { closeBrowser, type Operator, startOperator } from './operator.ts';
import { uploadBundle } from './seed.ts';

const appId = 'com.example.signed';
/** The browser renews a token a minute before it ends: this one after a few seconds. */
const shortSeconds = 64;

describe.skipIf(noChromium)(`single sign-on${noChromium ? ` (${noChromium})` : ''}`, () => {
  let issuer: OidcServer;
  let server: RunningServer;
  let operator: Operator;
  let tokenSeconds = 600;

  beforeAll(async () => {
    const port = await findFreePort();
    const ui = `http://127.0.0.1:${port}/ui`;
    issuer = await startOidcServer({
      redirectUris: [`${ui}/login/oauth-callback`],
      signedOutUris: [`${ui}/login`],
      accessTokenSeconds: () => tokenSeconds,
    });
    server = await startServer({
      env: {
        CAPGO_MANAGEMENT_PORT: String(port),
        OAUTH_ISSUER: issuer.issuer,
        OAUTH_CLIENT_ID: 'console',
        OAUTH_ROLE_CLAIM: 'groups',
        OAUTH_ROLE_VALUES: 'ota-readers=read,ota-uploaders=upload',
        PUBLIC_URL: 'http://127.0.0.1:1',
      },
    });
    await uploadBundle(server, appId, '1.0.1');
    operator = await startOperator(server.managementUrl);
  });
  afterAll(async () => {
    await operator?.close();
    await closeBrowser();
    await server?.stop();
    await issuer?.close();
  });

  const signOnButton = () => operator.page.getByRole('button', { name: 'Sign in with 127.0.0.1' });

  it('goes to the issuer and comes back, signed in, to the page that was asked for', async () => {
    const { page } = operator;
    issuer.become('rita');
    await operator.open(`/apps/${appId}/bundles`);
    await signOnButton().waitFor();
    await operator.expectAccessible();
    await operator.photograph('sign-in-single');
    const asked = page.waitForRequest((request) => request.url().startsWith(`${issuer.issuer}/auth?`));
    await signOnButton().click();
    const parameters = new URL((await asked).url()).searchParams;
    expect(parameters.get('response_type')).toBe('code');
    expect(parameters.get('code_challenge_method')).toBe('S256');
    expect(parameters.get('redirect_uri')).toBe(`${server.managementUrl}/ui/login/oauth-callback`);
    await page.getByRole('link', { name: '1.0.1', exact: true }).waitFor();
    expect(new URL(page.url()).pathname).toBe(`/ui/apps/${appId}/bundles`);
    await page.reload();
    await page.getByRole('link', { name: '1.0.1', exact: true }).waitFor();
    await page.getByRole('button', { name: 'Signed in as rita@example.com' }).waitFor();
  });

  it('offers a person nothing that its role may not do', async () => {
    const { page } = operator;
    expect(await page.getByRole('button', { name: 'Upload a bundle' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'API keys' }).count()).toBe(0);
  });

  it('signs out here and at the issuer, and lets the next person in with what that one may do', async () => {
    const { page } = operator;
    await page.getByRole('button', { name: 'Signed in as rita@example.com' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.waitForURL(`${issuer.issuer}/session/end**`);
    await page.getByRole('button', { name: /^Yes/ }).click();
    await signOnButton().waitFor();
    expect(await page.evaluate('sessionStorage.getItem("capgo-server.sso")')).toBeNull();
    issuer.become('ada');
    tokenSeconds = shortSeconds;
    await signOnButton().click();
    await page.getByRole('button', { name: 'Signed in as ada@example.com' }).waitFor();
  });

  it('renews the session silently before it ends', async () => {
    const { page } = operator;
    tokenSeconds = 600;
    const expiry = async () =>
      Number(
        await page.evaluate(
          'JSON.parse(sessionStorage.getItem(Object.keys(sessionStorage).find((key) => key.startsWith("oidc.user:")))).expires_at',
        ),
      );
    const before = await expiry();
    const address = page.url();
    await expect.poll(expiry, { timeout: 20_000 }).toBeGreaterThan(before + 300);
    expect(page.url()).toBe(address);
    await operator.open(`/apps/${appId}/bundles`);
    await page.getByRole('button', { name: 'Upload a bundle' }).waitFor();
    await operator.expectAccessible();
  });

  it('names what keeps phones from the public address', async () => {
    const { page } = operator;
    await operator.open(`/start?app=${appId}`);
    await page.getByText('Phones cannot reach this server').waitFor();
    await page.getByText('leads every phone to itself').waitFor();
  });

  it('says whom it does not let in, and why', async () => {
    const stranger = await startOperator(server.managementUrl);
    try {
      issuer.become('eve');
      await stranger.open('/');
      await stranger.page.getByRole('button', { name: 'Sign in with 127.0.0.1' }).click();
      await stranger.page.getByText('gives you no role on this server').waitFor();
      await stranger.expectAccessible();
      await stranger.photograph('sign-in-refused');
      // As somebody else: the issuer asks again, though it knows who was there.
      issuer.become('ada');
      await stranger.page.getByRole('button', { name: 'Sign in with 127.0.0.1' }).click();
      await stranger.page.getByRole('button', { name: 'Signed in as ada@example.com' }).waitFor();
    } finally {
      await stranger.close();
    }
  });
});
