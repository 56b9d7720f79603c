import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { zipFiles } from '../../scripts/zip.ts';
import { type RunningServer, startServer } from '../start-server.ts';
import { noChromium } from './chromium.ts';
import { closeBrowser, type Operator, startOperator } from './operator.ts';
import { check, deviceOf, post, report, uploadBundle } from './seed.ts';

const appId = 'com.example.shop';
const base = `/apps/${appId}`;

describe.skipIf(noChromium)(`an operator’s work${noChromium ? ` (${noChromium})` : ''}`, () => {
  let server: RunningServer;
  let operator: Operator;
  let folder: string;

  beforeAll(async () => {
    server = await startServer();
    folder = await mkdtemp(join(tmpdir(), 'capgo-zip-'));
    const libraries = 'export const shared = 1;'.repeat(400);
    await uploadBundle(server, appId, '1.0.0', { 'assets/vendor.js': libraries, 'assets/old.css': 'a{}' });
    await uploadBundle(server, appId, '1.0.1', { 'assets/vendor.js': libraries, 'assets/new.css': 'b{}' });
    await uploadBundle(server, appId, '1.1.0');
    await post(server, '/channel', { app_id: appId, channel: 'production', version: '1.0.0', public: true });
    await post(server, '/channel', { app_id: appId, channel: 'beta', version: '1.0.1' });
    for (let index = 0; index < 6; index += 1) {
      const device = deviceOf(appId, index);
      await check(server, device);
      await report(server, device, 'set', '1.0.0');
    }
    operator = await startOperator(server.managementUrl, server.token);
  });
  afterAll(async () => {
    await operator?.close();
    await closeBrowser();
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('lists bundles with what serves them, and finds one', async () => {
    const { page } = operator;
    await operator.open(`${base}/bundles`);
    await page.getByRole('link', { name: '1.0.1' }).waitFor();
    await page.getByRole('link', { name: 'channel production' }).waitFor();
    await operator.expectAccessible();
    await operator.photograph('bundles');
    await page.getByLabel('Search bundles').fill('1.1.0');
    await page.getByText('1 bundle', { exact: true }).waitFor();
  });

  it('uploads a zip, and says which entry is wrong with one', async () => {
    const { page } = operator;
    await operator.open(`${base}/bundles`);
    const good = await zipFiles({ 'index.html': '<!doctype html><h1>new</h1>' });
    await writeFile(join(folder, 'shop_1.2.0.zip'), good);
    const bad = Buffer.from(await zipFiles({ 'index.html': 'x', 'aa/evil.js': 'y' }));
    for (let at = bad.indexOf('aa/evil.js'); at !== -1; at = bad.indexOf('aa/evil.js', at + 1))
      bad.write('../evil.js', at);
    await writeFile(join(folder, 'bad_1.3.0.zip'), bad);
    await page.getByRole('button', { name: 'Upload a bundle' }).click();
    const dialog = page.getByRole('dialog');
    const zipInput = dialog.locator('input[type=file][accept*="zip"]').first();
    await operator.drop(join(folder, 'bad_1.3.0.zip'), dialog.getByLabel('Drop a zip or a folder here'));
    await expect
      .poll(() => dialog.getByLabel('Version', { exact: false }).first().inputValue())
      .toBe('1.3.0');
    await dialog.getByRole('button', { name: 'Upload', exact: true }).click();
    await dialog.getByText('../evil.js').waitFor();
    await operator.expectAccessible();
    await operator.photograph('bundle-refused');
    await zipInput.setInputFiles(join(folder, 'shop_1.2.0.zip'));
    await dialog.getByLabel('Version', { exact: false }).first().fill('1.2.0');
    await dialog.getByRole('button', { name: 'Upload', exact: true }).click();
    await page.getByRole('link', { name: '1.2.0' }).waitFor();
  });

  it('shows the files of a bundle and what is different from another one', async () => {
    const { page } = operator;
    await operator.open(`${base}/bundles`);
    await page.getByRole('link', { name: '1.0.1', exact: true }).click();
    await expect
      .poll(() => page.getByTestId('manifest-state').innerText(), { timeout: 20_000 })
      .toBe('manifest ready');
    const tree = page.getByRole('tree', { name: 'Files of the bundle' });
    await tree.getByText('index.html').waitFor();
    await tree.getByText('assets').click();
    await tree.getByText('vendor.js').waitFor();
    const difference = page.getByRole('region', { name: 'Difference' });
    await difference.getByText('1 file added, 1 changed, 1 removed').waitFor();
    for (const row of ['added assets/new.css', 'changed index.html', 'removed assets/old.css'])
      await difference.getByRole('row', { name: row }).waitFor();
    expect(await difference.getByText('vendor.js').count()).toBe(0);
    await operator.expectAccessible();
    await operator.photograph('bundle');
  });

  it('changes what is said of a bundle', async () => {
    const { page } = operator;
    const metadata = page.getByRole('region', { name: 'Metadata' });
    await metadata.getByRole('button', { name: 'Edit' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Minimum native version').fill('not a version');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByRole('alert').waitFor();
    await dialog.getByLabel('Minimum native version').fill('1.2.0');
    await dialog.getByLabel('Comment').fill('Faster start');
    await operator.expectAccessible();
    await dialog.getByRole('button', { name: 'Save' }).click();
    await metadata.getByText('1.2.0').waitFor();
    await metadata.getByText('Faster start').waitFor();
    await metadata.getByRole('button', { name: 'Edit' }).click();
    await dialog.getByLabel('Minimum native version').fill('');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await expect.poll(() => metadata.getByText('1.2.0').count()).toBe(0);
  });

  it('says what keeps a bundle from being deleted, and deletes one that nothing uses once its name is typed', async () => {
    const { page } = operator;
    await operator.open(`${base}/bundles`);
    await page.getByRole('link', { name: '1.0.0', exact: true }).click();
    await page.getByRole('heading', { name: '1.0.0' }).waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByText('cannot be deleted while it is in use').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
    await operator.open(`${base}/bundles`);
    await page.getByRole('link', { name: '1.2.0' }).click();
    await page.getByRole('button', { name: 'Delete' }).click();
    const confirm = page.getByRole('dialog').getByRole('button', { name: 'Delete' });
    expect(await confirm.isDisabled()).toBe(true);
    await page.getByLabel('to confirm').fill('1.2.0');
    await confirm.click();
    await page.getByRole('heading', { name: 'Bundles' }).waitFor();
    await expect.poll(() => page.getByRole('link', { name: '1.2.0' }).count()).toBe(0);
  });

  it('creates a release, sets its bundle, dates it, goes back to builtin and deletes it', async () => {
    const { page } = operator;
    await operator.open(`${base}/releases`);
    await page.getByText('No release yet').waitFor();
    await operator.expectAccessible();
    await operator.photograph('releases-empty');
    await page.getByRole('button', { name: 'Create a release' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('iOS').click();
    await dialog.getByLabel('Native version').fill('1.0.0');
    await dialog.getByLabel('Build number').fill('12');
    await dialog.getByRole('combobox', { name: 'Builtin bundle' }).click();
    await page.getByRole('option', { name: '1.0.0' }).click();
    await dialog.getByRole('button', { name: 'Create the release' }).click();
    await page.getByRole('cell', { name: '(12)' }).waitFor();
    await page.getByRole('button', { name: 'Set bundle' }).click();
    await dialog.getByRole('combobox', { name: 'Active bundle' }).click();
    await page.getByRole('option', { name: '1.0.1' }).click();
    await dialog.getByRole('button', { name: 'Set active' }).click();
    await page.getByRole('cell', { name: '1.0.1' }).waitFor();
    await page.getByRole('button', { name: 'More for ios 1.0.0' }).click();
    await page.getByRole('menuitem', { name: 'Release date' }).click();
    await dialog.getByLabel('Release date').fill('2026-01-31');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('cell', { name: '31 Jan 2026' }).waitFor();
    await operator.expectAccessible();
    await operator.photograph('releases');
    await page.getByRole('button', { name: 'More for ios 1.0.0' }).click();
    await page.getByRole('menuitem', { name: 'Back to builtin' }).click();
    await page.getByRole('cell', { name: 'builtin' }).waitFor();
    await page.getByRole('button', { name: 'More for ios 1.0.0' }).click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
    await page.getByLabel('to confirm').fill('1.0.0');
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('No release yet').waitFor();
  });

  it('explains a channel, starts a rollout, pauses, resumes and promotes it, and rolls back', async () => {
    const { page } = operator;
    await operator.open(`${base}/channels`);
    await page.getByRole('link', { name: 'production' }).waitFor();
    await operator.expectAccessible();
    await operator.photograph('channels');
    await page.getByRole('link', { name: 'production' }).click();
    await page.getByText('every device that names no other channel').waitFor();
    await page.getByRole('combobox', { name: 'Roll out' }).click();
    await page.getByRole('option', { name: '1.0.1' }).click();
    await page.getByRole('button', { name: 'Start the rollout' }).click();
    const state = page.getByTestId('rollout-state');
    await expect.poll(() => state.innerText()).toBe('running');
    await page.getByRole('slider', { name: 'Share of the devices' }).focus();
    for (let step = 0; step < 5; step += 1) await page.keyboard.press('ArrowRight');
    await page.getByText('10 %', { exact: true }).first().waitFor();
    // Of the six that the channel serves.
    await expect.poll(() => page.getByTestId('rollout-devices').innerText()).toBe('1 device');
    await page.getByRole('link', { name: '6 active' }).waitFor();
    // What stops it by itself, and how far it is from that.
    const health = page.getByRole('group', { name: 'Health of the rollout' });
    await page.getByRole('switch', { name: 'On', exact: true }).click();
    await page.getByLabel('Stop at').fill('50');
    await page.getByRole('button', { name: 'Save' }).click();
    await health.getByText('stops at 50 %').waitFor();
    await report(server, deviceOf(appId, 1), 'set_fail', '1.0.1');
    await health.getByText('1 failure').waitFor();
    expect(await health.getByRole('progressbar', { name: 'Failures against the threshold' }).count()).toBe(1);
    await operator.expectAccessible();
    await operator.photograph('channel-rollout');
    await page.getByRole('button', { name: 'Pause' }).click();
    await expect.poll(() => state.innerText()).toBe('paused');
    await page.getByRole('button', { name: 'Resume' }).click();
    await expect.poll(() => state.innerText()).toBe('running');
    await page.getByRole('button', { name: 'Promote' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Promote' }).click();
    await expect.poll(() => page.getByTestId('serves').innerText()).toBe('1.0.1');
    await page.getByRole('button', { name: 'Roll back' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Roll back' }).click();
    await expect.poll(() => page.getByTestId('serves').innerText()).toBe('1.0.0');
    await page.getByText('rollback', { exact: true }).first().waitFor();
    expect((await check(server, deviceOf(appId, 2, '1.0.1')))['version']).toBe('1.0.0');
  });

  it('finds a device, shows what it reported, and why it gets what it gets', async () => {
    const { page } = operator;
    await operator.open(`${base}/devices`);
    await page.getByRole('link', { name: /000000000003$/ }).waitFor();
    await operator.expectAccessible();
    await operator.photograph('devices');
    await page.getByRole('link', { name: /000000000000$/ }).click();
    await page.getByText('Installed the bundle').waitFor();
    await page.getByRole('button', { name: 'Explain as it is' }).click();
    await page.getByTestId('explanation').getByText('channel production').first().waitFor();
    await operator.expectAccessible();
    await operator.photograph('device');
    await page.getByRole('button', { name: 'What if it were different?' }).click();
    await page.getByLabel('Runs bundle').fill('0.9.0');
    await page.getByRole('button', { name: 'Explain as edited' }).click();
    await page.getByText('Of the device as edited').waitFor();
  });

  it('pins a device to a channel, and takes that back', async () => {
    const { page } = operator;
    const device = deviceOf(appId, 4);
    await operator.open(`${base}/devices/${device.device_id}`);
    const override = page.getByRole('region', { name: 'Override' });
    await override.getByText('None:').waitFor();
    await override.getByRole('combobox', { name: 'Channel' }).click();
    expect(await page.getByRole('option', { name: 'production' }).count()).toBe(0);
    await page.getByRole('option', { name: 'beta' }).click();
    await override.getByRole('button', { name: 'Pin the device' }).click();
    await override.getByRole('link', { name: 'beta' }).waitFor();
    await override.getByText('unless it is renewed').waitFor();
    expect((await check(server, device))['version']).toBe('1.0.1');
    await operator.expectAccessible();
    await operator.photograph('device-pinned');
    await override.getByRole('button', { name: 'Renew' }).click();
    await page.getByText('Renewed').waitFor();
    await override.getByRole('button', { name: 'Take it back' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Take it back' }).click();
    await override.getByText('None:').waitFor();
    expect((await check(server, deviceOf(appId, 4, '1.0.1')))['version']).toBe('1.0.0');
  });

  it('shows what runs, and tries out the storage', async () => {
    const { page } = operator;
    await operator.open('/settings/server');
    await page.getByText('SQLite').waitFor();
    await page.getByRole('button', { name: 'Run the check' }).click();
    await page.getByText('The storage is fit for use.').waitFor();
    await operator.expectAccessible();
    await operator.photograph('server');
  });
});
