import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../start-server.ts';
import { noChromium } from './chromium.ts';
import { closeBrowser, type Operator, startOperator } from './operator.ts';
import { check, deviceOf, post, uploadBundle } from './seed.ts';

const appId = 'com.example.settled';
const base = `/apps/${appId}`;

describe.skipIf(noChromium)(`settings and roles${noChromium ? ` (${noChromium})` : ''}`, () => {
  let server: RunningServer;
  let operator: Operator;
  let bundleId: string;

  beforeAll(async () => {
    server = await startServer({ env: { PUBLIC_URL: 'https://updates.invalid' } });
    bundleId = await uploadBundle(server, appId, '1.0.0');
    await uploadBundle(server, 'com.example.other', '1.0.0');
    await post(server, '/channel', { app_id: appId, channel: 'production', version: '1.0.0', public: true });
    await check(server, deviceOf(appId, 0));
    operator = await startOperator(server.managementUrl, server.token);
  });
  afterAll(async () => {
    await operator?.close();
    await closeBrowser();
    await server?.stop();
  });

  it('makes a key for some apps that ends, shows it once, and revokes it', async () => {
    const { page } = operator;
    await operator.open('/settings/keys');
    await page.getByText('No API key yet').waitFor();
    await operator.expectAccessible();
    await page.getByRole('button', { name: 'Create a key' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('Release pipeline');
    await dialog.getByRole('combobox', { name: 'Apps' }).click();
    await page.getByRole('option', { name: appId }).click();
    await page.keyboard.press('Tab');
    await operator.expectAccessible();
    await operator.photograph('api-key-create');
    await dialog.getByRole('button', { name: 'Create the key' }).click();
    const key = (await dialog.getByRole('region', { name: 'The new key' }).innerText()).trim();
    expect(key).toMatch(/^[0-9a-f-]{36}$/);
    const session = await fetch(`${server.managementUrl}/api/v1/session.get`, {
      headers: { 'x-api-key': key },
    });
    expect(await session.json()).toMatchObject({ role: 'upload', apps: [appId] });
    await operator.expectAccessible();
    // Neither by mistake nor by habit: it would be gone.
    await page.keyboard.press('Escape');
    expect(await dialog.count()).toBe(1);
    await dialog.getByRole('button', { name: 'I have kept it' }).click();
    await page
      .getByRole('row', { name: /Release pipeline/ })
      .getByText(appId)
      .waitFor();
    expect(await page.getByText(key).count()).toBe(0);
    await operator.expectAccessible();
    await operator.photograph('api-keys');
    await page.getByRole('button', { name: 'Revoke Release pipeline' }).click();
    await page.getByLabel('to confirm').fill('Release pipeline');
    await dialog.getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('No API key yet').waitFor();
    const refused = await fetch(`${server.managementUrl}/api/v1/session.get`, {
      headers: { 'x-api-key': key },
    });
    expect(refused.status).toBe(401);
  });

  it('offers each role what it may do, and nothing else', async () => {
    const offers: readonly (readonly [string, string])[] = [
      [`${base}/bundles`, 'Upload a bundle'],
      [`${base}/bundles/${bundleId}`, 'Edit'],
      [`${base}/bundles/${bundleId}`, 'Delete'],
      [`${base}/channels`, 'Create a channel'],
      [`${base}/channels/production`, 'Set bundle'],
      [`${base}/releases`, 'Create a release'],
      [`${base}/devices/${deviceOf(appId, 0).device_id}`, 'Pin the device'],
      [`${base}/settings`, 'Save'],
      [`${base}/settings`, 'Delete'],
      ['/settings/keys', 'Create a key'],
    ];
    // An admin may do everything, which is what the other journeys do.
    const allowed = { read: 0, upload: 2, write: 8 } as const;
    for (const [role, count] of Object.entries(allowed)) {
      const { key } = (await post(server, '/api/v1/keys.create', { name: role, role })) as { key: string };
      const own = await startOperator(server.managementUrl, key);
      try {
        const found: string[] = [];
        let path = '';
        for (const [where, button] of offers) {
          if (where !== path) await own.timeToInteractive(where);
          path = where;
          if ((await own.page.getByRole('button', { name: button, exact: true }).count()) > 0)
            found.push(`${where} ${button}`);
        }
        expect(found, role).toEqual(offers.slice(0, count).map((offer) => offer.join(' ')));
        const navigation = own.page.getByRole('navigation');
        expect(await navigation.getByRole('link', { name: 'API keys' }).count(), role).toBe(0);
      } finally {
        await own.close();
      }
    }
  });

  it('names what keeps phones from the public address', async () => {
    const { page } = operator;
    await operator.open(`/start?app=${appId}`);
    await page.getByText('The name is not known').waitFor();
    await page.getByText('No name server knows updates.invalid').waitFor();
  });

  it('renames an app, and deletes it with all of it once its id is typed', async () => {
    const { page } = operator;
    await operator.open(`${base}/settings`);
    await page.getByRole('textbox', { name: 'Name' }).fill('The shop');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The settings are saved.').waitFor();
    await operator.expectAccessible();
    await operator.photograph('app-settings');
    await operator.open('/');
    await page.getByRole('link', { name: /The shop/ }).waitFor();
    await operator.expectAccessible();
    await operator.photograph('apps');
    await operator.open(`${base}/settings`);
    await page.getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('1 bundle, the zips and all files').waitFor();
    await dialog.getByText('1 channel and 0 releases').waitFor();
    const confirm = dialog.getByRole('button', { name: 'Delete the app' });
    expect(await confirm.isDisabled()).toBe(true);
    await operator.expectAccessible();
    await operator.photograph('app-delete');
    await page.getByLabel('to confirm').fill(appId);
    await confirm.click();
    await page.getByRole('heading', { name: 'Apps' }).waitFor();
    await expect.poll(() => page.getByRole('link', { name: /The shop/ }).count()).toBe(0);
    await page.getByRole('link', { name: /com\.example\.other/ }).waitFor();
  });
});
