import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../start-server.ts';
import { noChromium } from './chromium.ts';
import { closeBrowser, type Operator, startOperator } from './operator.ts';
import { post } from './seed.ts';

describe.skipIf(noChromium)(`the first run${noChromium ? ` (${noChromium})` : ''}`, () => {
  let server: RunningServer;
  let operator: Operator;
  let folder: string;

  beforeAll(async () => {
    server = await startServer();
    operator = await startOperator(server.managementUrl);
    folder = await mkdtemp(join(tmpdir(), 'capgo-web-'));
    await mkdir(join(folder, 'www/js'), { recursive: true });
    await writeFile(join(folder, 'www/index.html'), '<!doctype html><h1>Hello</h1>');
    await writeFile(join(folder, 'www/js/app.js'), 'CapacitorUpdater.notifyAppReady();');
  });
  afterAll(async () => {
    await operator?.close();
    await closeBrowser();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('asks for a key, and says so when it is wrong', async () => {
    const { page } = operator;
    await operator.open('');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await operator.expectAccessible();
    await operator.photograph('sign-in');
    await operator.signIn('no-such-key');
    await page.getByText('not valid').waitFor();
    await operator.signIn(server.token);
    await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  });

  it('greets an empty server with the block for capacitor.config and the test of the public address', async () => {
    const { page } = operator;
    await operator.expectAccessible();
    await operator.photograph('first-run-empty');
    await page.getByLabel('App id').fill('com.example.first');
    await page.getByRole('button', { name: 'Continue' }).click();
    const block = page.getByRole('region', { name: 'capacitor.config.json' });
    await block.waitFor();
    const text = await block.innerText();
    for (const path of ['/updates', '/stats', '/channel_self']) expect(text).toContain(server.userUrl + path);
    await page.getByText('No public address is set').waitFor();
  });

  it('takes a folder that is dropped, zips it in the browser and uploads it', async () => {
    const { page } = operator;
    await operator.drop(join(folder, 'www'), page.getByLabel('Drop a zip or a folder here, or choose a zip'));
    await page.getByTestId('chosen').getByText('2 files, zipped here').waitFor();
    await page.getByRole('button', { name: 'Upload', exact: true }).click();
    await page.getByText('Every device gets what the channel production serves.').waitFor();
  });

  it('turns green when the first device comes, which the browser can play', async () => {
    const { page } = operator;
    await page.getByText('Waiting for the first device').waitFor();
    await operator.photograph('first-run-waiting');
    await page.getByRole('button', { name: 'Start the app on it' }).click();
    for (const step of ['check', 'download', 'verify', 'report']) {
      const card = page.locator(`[data-testid=step-${step}]`);
      await expect
        .poll(
          () => card.getAttribute('data-state').then(async (state) => `${state}: ${await card.innerText()}`),
          { timeout: 15_000 },
        )
        .toMatch(/^(done|failed)/);
      expect(await card.getAttribute('data-state'), await card.innerText()).toBe('done');
    }
    await page.getByText('The first device is here').waitFor();
    await operator.expectAccessible();
    await operator.photograph('first-run-done');
  });

  it('signs out, and comes back to the same page', async () => {
    const { page } = operator;
    await page.getByRole('button', { name: /^Signed in as/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await operator.signIn(server.token);
    await page.getByText('The first device is here').waitFor();
  });

  it('asks for a key again when it has been revoked meanwhile', async () => {
    const { page } = operator;
    const { key, api_key } = (await post(server, '/api/v1/keys.create', { name: 'short', role: 'read' })) as {
      key: string;
      api_key: { id: number };
    };
    await page.getByRole('button', { name: /^Signed in as/ }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await operator.signIn(key);
    await page.getByText('The first device is here').waitFor();
    await post(server, '/api/v1/keys.revoke', { key_id: api_key.id });
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(new URL(page.url()).searchParams.get('to')).toBe('/start?app=com.example.first');
  });
});
