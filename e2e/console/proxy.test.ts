import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../start-server.ts';
import { noChromium } from './chromium.ts';
import { closeBrowser, type Operator, startOperator } from './operator.ts';
import { type PrefixProxy, startPrefixProxy } from './prefix-proxy.ts';
import { post, uploadBundle } from './seed.ts';

const appId = 'com.example.proxied';

describe.skipIf(noChromium)(`behind a reverse proxy${noChromium ? ` (${noChromium})` : ''}`, () => {
  let proxy: PrefixProxy;
  let server: RunningServer;
  let operator: Operator;

  beforeAll(async () => {
    proxy = await startPrefixProxy('/ota');
    // The console's own address is none that devices' web views have, so the device API has to be told of it.
    server = await startServer({ env: { CORS_ALLOWED_ORIGINS: `http://console.test:${proxy.port}` } });
    proxy.target = server.managementUrl;
    await uploadBundle(server, appId, '1.0.1');
    await post(server, '/channel', { app_id: appId, channel: 'production', version: '1.0.1', public: true });
    operator = await startOperator(`http://console.test:${proxy.port}/ota`);
  });
  afterAll(async () => {
    await operator?.close();
    await closeBrowser();
    await server?.stop();
    await proxy?.close();
  });

  it('works below a path: signs in, goes from page to page, and opens one anew', async () => {
    const { page } = operator;
    await operator.open(`/apps/${appId}/bundles`);
    await operator.signIn(server.token);
    await page.getByRole('link', { name: '1.0.1', exact: true }).click();
    await page.getByRole('heading', { name: '1.0.1' }).waitFor();
    expect(new URL(page.url()).pathname).toMatch(/^\/ota\/ui\/apps\/com\.example\.proxied\/bundles\/\w+$/);
    await page.reload();
    await page.getByRole('heading', { name: '1.0.1' }).waitFor();
    await page.getByRole('link', { name: 'Channels', exact: true }).click();
    await page.getByRole('link', { name: 'production' }).waitFor();
    await operator.expectAccessible();
  });

  it('copies over plain http, where browsers have no clipboard', async () => {
    const { page } = operator;
    await operator.open(`/start?app=${appId}`);
    await page.getByRole('region', { name: 'capacitor.config.json' }).waitFor();
    expect(await page.evaluate('navigator.clipboard === undefined')).toBe(true);
    await page.getByRole('button', { name: 'Copy', exact: true }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    await page.getByLabel('App id').fill('');
    await page.getByLabel('App id').focus();
    await page.keyboard.press('Control+V');
    expect(await page.getByLabel('App id').inputValue()).toContain('CapacitorUpdater');
  });

  it('lets its simulated device ask the device API of another origin that was told of it', async () => {
    const { page } = operator;
    await operator.open(`/start?app=${appId}`);
    await page.getByRole('button', { name: 'Start the app on it' }).click();
    const report = page.getByTestId('step-report');
    await expect.poll(() => report.getAttribute('data-state'), { timeout: 15_000 }).toBe('done');
    await page.getByText('The first device is here').waitFor();
  });

  it('says what to set where the device API was not told of it', async () => {
    const stranger = await startOperator(`http://stranger.test:${proxy.port}/ota`, server.token);
    try {
      const { page } = stranger;
      await stranger.open(`/start?app=${appId}`);
      await page.getByRole('button', { name: 'Start the app on it' }).click();
      const check = page.getByTestId('step-check');
      await expect.poll(() => check.getAttribute('data-state')).toBe('failed');
      expect(await check.innerText()).toContain(
        `add http://stranger.test:${proxy.port} to CORS_ALLOWED_ORIGINS`,
      );
    } finally {
      await stranger.close();
    }
  });
});
