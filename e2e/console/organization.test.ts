import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../start-server.ts';
import { noChromium } from './chromium.ts';
import { closeBrowser, type Operator, startOperator } from './operator.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { post, uploadBundle } from './seed.ts';

const appId = 'com.example.audited';

describe.skipIf(noChromium)(`the organization${noChromium ? ` (${noChromium})` : ''}`, () => {
  let server: RunningServer;
  let receiver: Receiver;
  let operator: Operator;

  beforeAll(async () => {
    // The receiver is of this machine, where the server goes only when it is told that it may.
    server = await startServer({ env: { ALLOW_PRIVATE_URLS: 'true' } });
    receiver = await startReceiver();
    await uploadBundle(server, appId, '1.0.0');
    await uploadBundle(server, appId, '1.1.0');
    operator = await startOperator(server.managementUrl, server.token);
  });
  afterAll(async () => {
    await operator?.close();
    await closeBrowser();
    await receiver?.close();
    await server?.stop();
  });

  it('has a name, a contact and rules, which hold', async () => {
    const { page } = operator;
    await operator.open('/settings/organization');
    const about = page.getByRole('region', { name: 'Name and contact' });
    await about.getByRole('textbox', { name: 'Name' }).fill('Acme');
    await about.getByRole('textbox', { name: 'Contact' }).fill('Ops@example.com');
    await about.getByRole('textbox', { name: 'Website' }).fill('example.com');
    await about.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Name and contact: saved.').waitFor();
    const keys = page.getByRole('region', { name: 'API keys' });
    await keys.getByRole('switch', { name: 'Keys must end' }).click();
    await keys.getByRole('textbox', { name: 'Days, at the most' }).fill('30');
    await keys.getByRole('button', { name: 'Save' }).click();
    await page.getByText('API keys: saved.').waitFor();
    const bundles = page.getByRole('region', { name: 'Bundles' });
    await bundles.getByRole('textbox', { name: 'Encrypted with this key' }).fill('too short');
    expect(await bundles.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true);
    await bundles.getByRole('textbox', { name: 'Encrypted with this key' }).fill('MIIBCgKCAQEAwBf1Ya3T');
    await bundles.getByRole('switch', { name: 'Take encrypted bundles only' }).click();
    await bundles.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Bundles: saved.').waitFor();

    await operator.open('/settings/organization');
    await expect
      .poll(() => about.getByRole('textbox', { name: 'Contact' }).inputValue())
      .toBe('ops@example.com');
    expect(await about.getByRole('textbox', { name: 'Website' }).inputValue()).toBe('https://example.com/');
    expect(await keys.getByRole('textbox', { name: 'Days, at the most' }).inputValue()).toBe('30');
    await operator.expectAccessible();
    await operator.photograph('organization');
    await expect(uploadBundle(server, appId, '1.2.0')).rejects.toThrow('encrypted');
    await expect(post(server, '/api/v1/keys.create', { name: 'endless', role: 'read' })).rejects.toThrow(
      'demands that API keys end',
    );
  });

  it('has members, who are added, given another role, and removed once their address is typed', async () => {
    const { page } = operator;
    await post(server, '/organization/members', {
      ...{
        orgId: '046a36ac-e03c-4590-9257-bd6c9dba9ee8',
        email: 'root@example.com',
        invite_type: 'super_admin',
      },
    });
    await operator.open('/settings/members');
    await page.getByText('There is no single sign-on yet').waitFor();
    await page.getByRole('button', { name: 'Add a member' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('E-mail address').fill('Olga@example.com');
    await dialog.getByRole('combobox', { name: 'Role' }).click();
    await page.getByRole('option', { name: 'write' }).click();
    await operator.expectAccessible();
    await dialog.getByRole('button', { name: 'Add the member' }).click();
    const row = page.getByRole('row', { name: /olga@example\.com/ });
    await row.getByText('write').waitFor();
    await row.getByText('not yet').waitFor();
    await page.getByRole('button', { name: 'Change role of olga@example.com' }).click();
    await dialog.getByRole('combobox', { name: 'Role' }).click();
    await page.getByRole('option', { name: 'admin', exact: true }).click();
    await dialog.getByRole('button', { name: 'Change the role' }).click();
    await row.getByText('admin').waitFor();
    await operator.expectAccessible();
    await operator.photograph('members');

    // Nobody would be left who could undo it.
    await page.getByRole('button', { name: 'Remove root@example.com' }).click();
    await page.getByLabel('to confirm').fill('root@example.com');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await dialog.getByRole('alert').getByText('last super admin').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();

    await page.getByRole('button', { name: 'Remove olga@example.com' }).click();
    await dialog.getByText('What they made stays').waitFor();
    expect(await dialog.getByRole('button', { name: 'Remove' }).isDisabled()).toBe(true);
    await operator.expectAccessible();
    await page.getByLabel('to confirm').fill('olga@example.com');
    await dialog.getByRole('button', { name: 'Remove' }).click();
    await expect.poll(() => row.count()).toBe(0);
  });

  it('tells a webhook of changes, shows its secret once, and what became of each delivery', async () => {
    const { page } = operator;
    await operator.open('/settings/webhooks');
    await page.getByText('No webhook yet').waitFor();
    await operator.expectAccessible();
    await page.getByRole('button', { name: 'Create a webhook' }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('textbox', { name: 'Name' }).fill('Chat');
    await dialog.getByRole('textbox', { name: 'URL' }).fill(receiver.url);
    expect(await dialog.getByRole('button', { name: 'Create the webhook' }).isDisabled()).toBe(true);
    await dialog.getByRole('checkbox', { name: 'Channel', exact: true }).press('Space');
    await dialog.getByRole('checkbox', { name: 'App deleted' }).check();
    await operator.expectAccessible();
    await operator.photograph('webhook-create');
    await dialog.getByRole('button', { name: 'Create the webhook' }).click();
    const secret = (await dialog.getByRole('region', { name: 'The secret' }).innerText()).trim();
    expect(secret).toMatch(/^whsec_/);
    await operator.expectAccessible();
    await page.keyboard.press('Escape');
    await dialog.getByRole('button', { name: 'I have kept it' }).click();
    await page.getByText('App: deleted · Channel: everything').waitFor();
    await operator.expectAccessible();
    await operator.photograph('webhooks');

    await page.getByRole('link', { name: 'Chat' }).click();
    await page.getByText('Nothing was sent yet').waitFor();
    expect(await page.getByText(secret).count()).toBe(0);
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('The receiver took the event').waitFor();
    expect(receiver.bodies[0]).toMatchObject({ type: 'test.ping' });
    const {
      'webhook-id': id,
      'webhook-timestamp': time,
      'webhook-signature': signature,
    } = receiver.headers[0] ?? {};
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    const signed = createHmac('sha256', key).update(`${id}.${time}.${JSON.stringify(receiver.bodies[0])}`);
    expect(signature).toBe(`v1,${signed.digest('base64')}`);

    receiver.answer(500, 'out of order');
    await page.getByRole('button', { name: 'Send a test' }).click();
    await page.getByText('It answers 500').waitFor();
    await post(server, '/channel', { app_id: appId, channel: 'production', version: '1.0.0', public: true });
    const deliveries = page.getByRole('list', { name: 'Deliveries' });
    const waiting = deliveries.getByRole('listitem').filter({ hasText: 'channels.INSERT' });
    await waiting.getByText(/\d attempts? of 10/).waitFor();
    await waiting.getByText('next attempt').waitFor();
    await waiting.getByRole('button', { name: 'channels.INSERT' }).press('Enter');
    await waiting.getByRole('region', { name: 'What it answered' }).getByText('out of order').waitFor();
    await waiting.getByRole('region', { name: 'What is sent' }).getByText('"production"').first().waitFor();
    await operator.expectAccessible();
    await operator.photograph('webhook');

    receiver.answer(200, 'ok');
    await page.getByText('Given up', { exact: true }).click();
    await expect.poll(() => deliveries.getByRole('listitem').count()).toBe(1);
    await deliveries.getByRole('button', { name: 'Send again: test.ping' }).click();
    await page.getByText('No such delivery').waitFor();
    // The one that waited was asked again, too.
    await expect
      .poll(() => receiver.bodies.filter(({ type }) => type === 'channels.INSERT').length, {
        timeout: 15_000,
      })
      .toBe(2);
  });

  it('edits, disables, enables and deletes a webhook', async () => {
    const { page } = operator;
    await operator.open('/settings/webhooks');
    await page.getByRole('link', { name: 'Chat' }).click();
    await page.getByRole('button', { name: 'Edit' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('checkbox', { name: 'Everything' }).check();
    await dialog.getByRole('checkbox', { name: 'Member', exact: true }).uncheck();
    await dialog.getByRole('textbox', { name: 'URL' }).fill('ftp://example.com');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByRole('alert').waitFor();
    await dialog.getByRole('textbox', { name: 'URL' }).fill(receiver.url);
    await dialog.getByRole('button', { name: 'Save' }).click();
    // The server knows every event that the form has.
    await page.getByText('The webhook is saved.').waitFor();
    await page.getByRole('listitem').filter({ hasText: 'A rollout is paused' }).waitFor();
    expect(await page.getByText('Member: everything').count()).toBe(0);
    await page.getByRole('button', { name: 'Disable' }).click();
    await page.getByText('It is told of nothing while it is disabled.').waitFor();
    await operator.expectAccessible();
    await page.getByRole('button', { name: 'Enable' }).click();
    await page.getByText('Chat is told of events again.').waitFor();
    await page.getByRole('button', { name: 'Delete' }).click();
    await dialog.getByText(/the log of \d+ deliveries/).waitFor();
    const confirm = dialog.getByRole('button', { name: 'Delete the webhook' });
    expect(await confirm.isDisabled()).toBe(true);
    await operator.expectAccessible();
    await page.getByLabel('to confirm').fill('Chat');
    await confirm.click();
    await page.getByText('No webhook yet').waitFor();
  });

  it('has a log of who changed what, narrowed in the address and saved as lines of JSON', async () => {
    const { page } = operator;
    await post(server, '/channel', { app_id: appId, channel: 'production', version: '1.1.0', public: false });
    await operator.open('/settings/audit');
    const changes = page.getByRole('list', { name: 'Changes' });
    const first = changes.getByRole('listitem').first();
    await first.getByRole('button', { name: /Channel production changed/ }).press('Enter');
    const fields = first.getByRole('table');
    await fields.getByRole('row', { name: 'Public yes no' }).waitFor();
    await fields.getByRole('row', { name: 'Bundle 1.0.0 1.1.0' }).waitFor();
    await first.getByRole('time').first().hover();
    await page
      .getByRole('tooltip')
      .getByText(/\d{2}:\d{2}:\d{2} UTC$/)
      .waitFor();
    await operator.expectAccessible();
    await operator.photograph('audit');

    const all = await changes.getByRole('listitem').count();
    await page.getByRole('combobox', { name: 'What' }).click();
    await page.getByRole('option', { name: 'Member' }).click();
    await expect.poll(() => page.url()).toContain('table=org_users');
    await page.getByRole('combobox', { name: 'Action' }).click();
    await page.getByRole('option', { name: 'deleted' }).click();
    await expect.poll(() => changes.getByRole('listitem').count()).toBe(1);
    await changes.getByText('Member olga@example.com deleted').waitFor();
    await changes.getByRole('button', { name: 'management-token-1' }).click();
    await expect.poll(() => page.url()).toContain('actor=management-token-1');
    const saving = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export as NDJSON' }).click();
    const lines = (await readFile(await (await saving).path(), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
      expect.objectContaining({ table_name: 'org_users', operation: 'DELETE' }),
    ]);
    await page.getByLabel('From', { exact: true }).fill('2031-01-01');
    await page.getByText('No such change').waitFor();
    await operator.expectAccessible();
    await page.getByRole('button', { name: 'Show all' }).click();
    await expect.poll(() => changes.getByRole('listitem').count()).toBe(all);
    // Each app has a log of its own.
    await page.getByRole('combobox', { name: 'App' }).fill('com.example.nobodys');
    await page.keyboard.press('Enter');
    await page.getByText('No such change').waitFor();
  });

  it('shows more of a long log when it is asked to', async () => {
    const { page } = operator;
    for (let index = 0; index < 60; index += 1)
      await post(server, '/channel', { app_id: appId, channel: `channel-${index}` });
    await operator.open(`/settings/audit?app_id=${appId}&table=channels`);
    const entries = page.getByRole('list', { name: 'Changes' }).getByRole('listitem');
    await expect.poll(() => entries.count()).toBe(50);
    await page.getByRole('button', { name: 'Load more' }).click();
    await expect.poll(() => entries.count()).toBeGreaterThanOrEqual(62);
    expect(await page.getByRole('button', { name: 'Load more' }).count()).toBe(0);
  });

  it('offers each role what it may do, and nothing else', async () => {
    const ends = new Date(Date.now() + 86_400_000).toISOString();
    const links = ['Organization', 'Members', 'API keys', 'Webhooks', 'Audit log', 'Server'];
    const offered = { read: ['Organization', 'Members', 'Server'], admin: links } as const;
    for (const [role, expected] of Object.entries(offered)) {
      const facts = { name: role, role, expires_at: ends };
      const { key } = (await post(server, '/api/v1/keys.create', facts)) as { key: string };
      const own = await startOperator(server.managementUrl, key);
      try {
        const { page } = own;
        await own.open('/settings/organization');
        await page.getByText(role === 'admin' ? 'Keys must end' : 'must end, end within 30 days').waitFor();
        expect(await page.getByRole('button', { name: 'Save' }).count()).toBe(role === 'admin' ? 3 : 0);
        await own.expectAccessible();
        const navigation = page.getByRole('navigation');
        const shown = await navigation.getByRole('link').allInnerTexts();
        expect(shown.filter((text) => links.includes(text))).toEqual(expected);
        await own.open('/settings/members');
        await page.getByText('root@example.com').waitFor();
        expect(await page.getByRole('button', { name: /Add|Change|Remove/ }).count()).toBe(
          role === 'admin' ? 3 : 0,
        );
        if (role === 'admin') continue;
        // Who knows the address is told no in the server's words.
        await own.photograph('members-read');
        await own.open('/settings/audit');
        await page.getByRole('alert').getByText('Insufficient permissions').waitFor();
        await own.expectAccessible();
      } finally {
        await own.close();
      }
    }
  });
});
