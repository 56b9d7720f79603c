import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { buildRawZip, buildZip, type ZipEntrySpec } from '../testing/zip-builder.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

interface BundleBody {
  readonly id: string;
  readonly version_name: string;
  readonly public_download_url: string;
}

const bundleKeys = [
  ...['app_id', 'checksum', 'comment', 'crc_checksum', 'created_at', 'description', 'id', 'key_id', 'link'],
  ...[
    'manifest_reason',
    'manifest_state',
    'min_update_version',
    'public_download_url',
    'session_key',
    'size',
    'version_name',
  ],
];
const zip = new Uint8Array(buildZip({ 'index.html': '<!doctype html>', 'app.js': 'alert(1)' }));
const zipSha256 = createHash('sha256').update(zip).digest('hex');
const zipCrc32 = crc32(zip).toString(16).padStart(8, '0');
const unknownId = 'f'.repeat(24);

const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

let lastApp = 0;
function newAppId(): string {
  lastApp += 1;
  return `com.example.bundles${lastApp}`;
}

async function send(path: string, init: RequestInit = {}, on = server): Promise<Answer> {
  const response = await fetch(`${on.managementUrl}/api/v1/${path}`, {
    ...init,
    headers: { 'x-api-key': testToken, ...init.headers },
  });
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) as Record<string, unknown> };
}

function sendForm(form: FormData, on = server): Promise<Answer> {
  return send('bundles.upload', { method: 'POST', body: form }, on);
}

function upload(
  appId: string,
  versionName: string,
  fields: Record<string, string> = {},
  bytes: Uint8Array<ArrayBuffer> = zip,
  on = server,
): Promise<Answer> {
  return sendForm(bundleForm({ app_id: appId, version_name: versionName, ...fields }, bytes), on);
}

async function uploaded(appId: string, versionName: string, on = server): Promise<BundleBody> {
  const answer = await upload(appId, versionName, {}, zip, on);
  if (answer.status !== 200) throw new Error(`upload answered ${answer.status} ${answer.text}`);
  return answer.body['bundle'] as BundleBody;
}

function post(path: string, body: object): Promise<Answer> {
  return send(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function listed(query: Record<string, string>): Promise<Record<string, unknown>[]> {
  const answer = await send(`bundles.list?${new URLSearchParams(query)}`);
  if (answer.status !== 200) throw new Error(`bundles.list answered ${answer.status} ${answer.text}`);
  return answer.body['data'] as Record<string, unknown>[];
}

async function versionsOf(appId: string): Promise<unknown[]> {
  return (await listed({ app_id: appId })).map((bundle) => bundle['version_name']);
}

/** Every file below the data folder; the database of these tests is in memory. */
async function files(on = server): Promise<string[]> {
  const entries = await readdir(on.dataDir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function expectError(answer: Answer, status: number, code: string): void {
  expect([answer.status, answer.body['code']]).toEqual([status, code]);
  expect(answer.body['error']).toEqual(expect.any(String));
  expect(answer.body['error']).not.toBe('');
  const keys = Object.keys(answer.body).filter((key) => key !== 'details');
  expect(keys.sort()).toEqual(['code', 'error']);
}

describe('an upload', () => {
  it('answers a message and the bundle, with exactly the keys the clients know', async () => {
    const appId = newAppId();
    const answer = await upload(appId, '1.2.3', { description: 'first' });
    expect(answer.status).toBe(200);
    expect(Object.keys(answer.body).sort()).toEqual(['bundle', 'message']);
    expect(answer.body['message']).toEqual(expect.any(String));
    const bundle = answer.body['bundle'] as Record<string, unknown>;
    expect(Object.keys(bundle).sort()).toEqual(bundleKeys);
    expect(bundle).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{24}$/),
      app_id: appId,
      version_name: '1.2.3',
      description: 'first',
      crc_checksum: zipCrc32,
      checksum: zipSha256,
      size: zip.byteLength,
      session_key: '',
      key_id: null,
      min_update_version: null,
      link: null,
      comment: null,
      manifest_state: 'pending',
      manifest_reason: null,
      public_download_url: `${server.userUrl}/files/read/attachments/apps/${appId}/bundles/${bundle['id']}.zip`,
      created_at: new Date(clock.now()).toISOString(),
    });
    expect(await listed({ app_id: appId })).toEqual([bundle]);
    const download = await fetch(String(bundle['public_download_url']));
    expect(Buffer.from(await download.arrayBuffer()).equals(zip)).toBe(true);
  });

  it('takes the fields after the file as well as before it', async () => {
    const appId = newAppId();
    const form = new FormData();
    form.append('bundle', new Blob([zip]), 'bundle.zip');
    form.append('version_name', '1.0.0');
    form.append('description', 'after');
    form.append('app_id', appId);
    const answer = await sendForm(form);
    expect(answer.status).toBe(200);
    expect(answer.body['bundle']).toMatchObject({ app_id: appId, description: 'after', checksum: zipSha256 });
  });

  it('ignores fields it does not know', async () => {
    const answer = await upload(newAppId(), '1.0.0', { channel: 'beta', note: 'x' });
    expect(answer.status).toBe(200);
  });

  it.each(['Grüße, 世界 🎉', 'two\nlines', '"quotes" <b>', 'x'.repeat(4_096), '  blanks  '])(
    'keeps the description %j to the letter',
    async (description) => {
      const appId = newAppId();
      expect((await upload(appId, '1.0.0', { description })).status).toBe(200);
      // A form sends line ends as CRLF.
      const kept = description.replaceAll('\n', '\r\n');
      expect((await listed({ app_id: appId }))[0]?.['description']).toBe(kept);
    },
  );

  it('keeps min_update_version', async () => {
    const appId = newAppId();
    const answer = await upload(appId, '1.0.0', { min_update_version: '0.9.0' });
    expect(answer.body['bundle']).toMatchObject({ min_update_version: '0.9.0' });
    expect(await listed({ app_id: appId })).toMatchObject([{ min_update_version: '0.9.0' }]);
  });

  it('shows link and comment, each without the other too', async () => {
    const appId = newAppId();
    const link = 'https://example.com/notes?v=1.0.0#new';
    for (const [versionName, fields, shown] of [
      ['1.0.0', { link, comment: 'both' }, { link, comment: 'both' }],
      ['1.0.1', { link }, { link, comment: null }],
      ['1.0.2', { comment: 'only' }, { link: null, comment: 'only' }],
      ['1.0.3', { link: '', comment: '' }, { link: null, comment: null }],
    ] as const) {
      const answer = await upload(appId, versionName, fields);
      expect(answer.status).toBe(200);
      expect(answer.body['bundle']).toMatchObject(shown);
      expect((await listed({ app_id: appId }))[0]).toMatchObject({ version_name: versionName, ...shown });
    }
  });

  it.each([
    ['link', 'http://localhost:8080'],
    ['link', 'HTTPS://Example.com/Grüße/世界?q=ä b'.replace(' ', '%20')],
    ['link', `https://example.com/${'x'.repeat(2_028)}`],
    ['comment', 'x'.repeat(2_048)],
    ['comment', '  Grüße, 世界 🎉 <b>"x"</b>  '],
    ['comment', 'two\r\nlines'],
  ])('keeps the %s %j to the letter', async (field, text) => {
    const appId = newAppId();
    expect((await upload(appId, '1.0.0', { [field]: text })).status).toBe(200);
    expect((await listed({ app_id: appId }))[0]?.[field]).toBe(text);
  });

  it.each([zipSha256, zipSha256.toUpperCase(), zipCrc32])(
    'takes the checksum %s for what it is and shows the SHA-256',
    async (checksum) => {
      const answer = await upload(newAppId(), '1.0.0', { checksum });
      expect(answer.status).toBe(200);
      expect(answer.body['bundle']).toMatchObject({ checksum: zipSha256, crc_checksum: zipCrc32 });
    },
  );

  it('takes a zip whose files lie in a single folder', async () => {
    const bytes = new Uint8Array(buildZip({ 'www/index.html': 'x', 'www/app.js': 'y' }));
    expect((await upload(newAppId(), '1.0.0', {}, bytes)).status).toBe(200);
  });

  it.each([
    '1.0.0',
    '0.0.0',
    '1.2.3-beta.1',
    '1.2.3+build.5',
    '1.2.3-rc.1+sha.abc',
    `1.0.0-${'a'.repeat(122)}`,
  ])('takes the version name %s', async (versionName) => {
    const answer = await upload(newAppId(), versionName);
    expect(answer.status).toBe(200);
    expect(answer.body['bundle']).toMatchObject({ version_name: versionName });
  });

  it('makes two apps of two ids, each with its own version names', async () => {
    const [one, other] = [newAppId(), newAppId()];
    expect((await upload(one, '1.0.0')).status).toBe(200);
    expect((await upload(other, '1.0.0')).status).toBe(200);
    expect(await versionsOf(one)).toEqual(['1.0.0']);
  });

  it('is one of ten at the same time, and all are right', async () => {
    const appId = newAppId();
    const zips = Array.from(
      { length: 10 },
      (_, index) =>
        new Uint8Array(buildZip({ 'index.html': `${index}`, 'noise.bin': randomBytes(300_000 + index) })),
    );
    const answers = await Promise.all(zips.map((bytes, index) => upload(appId, `1.0.${index}`, {}, bytes)));
    for (const [index, answer] of answers.entries()) {
      expect(answer.status).toBe(200);
      const bundle = answer.body['bundle'] as Record<string, unknown>;
      const bytes = zips[index] ?? new Uint8Array();
      expect(bundle['checksum']).toBe(createHash('sha256').update(bytes).digest('hex'));
      const download = await fetch(String(bundle['public_download_url']));
      expect(Buffer.from(await download.arrayBuffer()).equals(bytes)).toBe(true);
    }
    expect((await versionsOf(appId)).toSorted()).toEqual(zips.map((_, index) => `1.0.${index}`));
    expect(await readdir(join(server.dataDir, 'storage', 'staging'))).toEqual([]);
  });
});

describe('an upload under a Host header that is none', () => {
  it('is refused before anything is kept', async () => {
    const appId = newAppId();
    const { body, headers } = await server.product.managementApi
      .inject({
        method: 'POST',
        url: '/api/v1/bundles.upload',
        headers: { host: 'a:99999', 'x-api-key': testToken },
        payload: bundleForm({ app_id: appId, version_name: '1.0.0' }),
      })
      .then((response) => ({ body: response.json(), headers: response.headers }));
    expect(headers['content-type']).toContain('application/json');
    expect(body).toMatchObject({ code: 'invalid_request', error: expect.stringContaining('Host') });
    expect((await send(`bundles.list?app_id=${appId}`)).body['data']).toEqual([]);
  });
});

describe('an encrypted upload', () => {
  const ciphertext = new Uint8Array(randomBytes(5_000));
  const encryption = { session_key: 'aXY=:a2V5', checksum: 'AbCd'.repeat(128) };

  it('is taken as it is, with the checksum, session key and key id its uploader gave', async () => {
    const appId = newAppId();
    const fields = { ...encryption, key_id: 'x'.repeat(20) };
    const answer = await upload(appId, '1.0.0', fields, ciphertext);
    expect(answer.status).toBe(200);
    const bundle = answer.body['bundle'] as Record<string, unknown>;
    expect(Object.keys(bundle).sort()).toEqual(bundleKeys);
    expect(bundle).toMatchObject({
      ...fields,
      size: 5_000,
      crc_checksum: crc32(ciphertext).toString(16).padStart(8, '0'),
    });
    const download = await fetch(String(bundle['public_download_url']));
    expect(Buffer.from(await download.arrayBuffer()).equals(ciphertext)).toBe(true);
  });

  it('needs no key id', async () => {
    const answer = await upload(newAppId(), '1.0.0', encryption, ciphertext);
    expect(answer.status).toBe(200);
    expect(answer.body['bundle']).toMatchObject({ key_id: null });
  });

  it.each([
    ['without a checksum', { session_key: encryption.session_key }, 'checksum'],
    ['with an empty checksum', { ...encryption, checksum: '' }, 'checksum'],
    ['with a key id of 21 characters', { ...encryption, key_id: 'x'.repeat(21) }, 'key_id'],
    ['with an endless session key', { ...encryption, session_key: 'x'.repeat(1_025) }, 'session_key'],
  ])('%s is 400, and the field is named', async (_sentence, fields, named) => {
    const appId = newAppId();
    const before = await files();
    const answer = await upload(appId, '1.0.0', fields as Record<string, string>, ciphertext);
    expectError(answer, 400, 'invalid_request');
    expect(answer.body['error']).toContain(named);
    expect(await versionsOf(appId)).toEqual([]);
    expect(await files()).toEqual(before);
  });
});

describe('a refused upload', () => {
  const appId = 'com.example.refused';
  const good = { app_id: appId, version_name: '1.0.0' };

  async function expectNothingLeft(before: readonly string[], on = server): Promise<void> {
    expect(await files(on)).toEqual(before);
    const { body } = await send(`bundles.list?app_id=${appId}`, {}, on);
    expect(body).toEqual({ data: [] });
  }

  const badFields: readonly [field: string, value: string][] = [
    ['app_id', ''],
    ['app_id', 'nodots'],
    ['app_id', '../../etc.passwd'],
    ['app_id', 'com.example/x'],
    ['app_id', `com.${'x'.repeat(300)}`],
    ...[
      '',
      '1',
      '1.2',
      'v1.2.3',
      '1.2.3.4',
      '01.2.3',
      ' 1.2.3',
      '1.2.3 ',
      'latest',
      'builtin',
      '../1.0.0',
    ].map((value) => ['version_name', value] as [string, string]),
    ['version_name', `1.0.0-${'a'.repeat(123)}`],
    ['min_update_version', '1.2'],
    ['min_update_version', 'abc'],
    ['description', 'x'.repeat(4_097)],
    ['description', 'x'.repeat(100_000)],
    ['description', 'a\u0000b'],
    ['comment', 'x'.repeat(2_049)],
    ['comment', 'a\u0000b'],
    ['link', `https://example.com/${'x'.repeat(2_029)}`],
    ...[
      'example.com/notes',
      '/notes',
      '//example.com/notes',
      'ftp://example.com/notes',
      'javascript:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      'https:example.com',
      'https:/example.com',
      'https://',
      'https://?a=1',
      'https://exa mple.com',
      ' https://example.com',
      'https://example.com/a b',
      'https://example.com/\n',
      'https://example.com/\u0000',
      'https://example.com/\u0007',
      'https://example.com:99999/',
    ].map((value) => ['link', value] as [string, string]),
  ];
  it.each(badFields)('for %s being %j is 400, and the field is named', async (field, value) => {
    const before = await files();
    const answer = await sendForm(bundleForm({ ...good, [field]: value }, zip));
    expectError(answer, 400, 'invalid_request');
    expect(answer.body['error']).toContain(field);
    await expectNothingLeft(before);
  });

  const fileBlob = () => new Blob([zip]);
  const forms: readonly [sentence: string, build: () => FormData, named: string][] = [
    ['without app_id', () => bundleForm({ version_name: '1.0.0' }, zip), 'app_id'],
    ['without version_name', () => bundleForm({ app_id: appId }, zip), 'version_name'],
    ['without a file', () => bundleForm(good, null), 'bundle'],
    ['whose bundle is a text', () => bundleForm({ ...good, bundle: '@bundle.zip' }, null), 'bundle'],
    [
      'whose file has another name',
      () => {
        const form = bundleForm(good, null);
        form.append('file', fileBlob(), 'bundle.zip');
        return form;
      },
      'bundle',
    ],
    [
      'with app_id twice',
      () => {
        const form = bundleForm(good, zip);
        form.append('app_id', 'com.example.another');
        return form;
      },
      'app_id',
    ],
    [
      'with two files',
      () => {
        const form = bundleForm(good, zip);
        form.append('bundle', fileBlob(), 'again.zip');
        return form;
      },
      'file',
    ],
    [
      'with a second file of another name',
      () => {
        const form = bundleForm(good, zip);
        form.append('other', fileBlob(), 'again.zip');
        return form;
      },
      '',
    ],
    [
      'with a hundred fields',
      () =>
        bundleForm({ ...good, ...Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`f${n}`, 'x'])) }),
      'field',
    ],
    [
      'with a field called __proto__',
      () => {
        const form = bundleForm(good, null);
        form.append('__proto__', 'x');
        form.append('bundle', fileBlob(), 'bundle.zip');
        return form;
      },
      '',
    ],
  ];
  it.each(forms)('%s is 400', async (_sentence, build, named) => {
    const before = await files();
    const answer = await sendForm(build());
    expectError(answer, 400, 'invalid_request');
    expect(answer.body['error']).toContain(named);
    await expectNothingLeft(before);
  });

  it.each([
    ['application/json', JSON.stringify(good)],
    ['text/plain', 'hello'],
    ['application/zip', zip],
    ['multipart/form-data', 'no boundary'],
    ['multipart/form-data; boundary=x', 'not a form at all'],
    ['multipart/form-data; boundary=x', '--x--\r\n'],
    ['multipart/form-data; boundary=x', '--x\r\nnonsense\r\n\r\nabc\r\n--x--\r\n'],
    ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: attachment\r\n\r\nabc\r\n--x--\r\n'],
    [
      'multipart/form-data; boundary=x',
      '--x\r\nContent-Disposition: form-data; name="bundle"; filename="b.zip"\r\n\r\nPK cut',
    ],
    ['multipart/mixed; boundary=x', '--x--\r\n'],
    ['multipart/form-data; boundary=x', '--x\r\nContent-Disposition: form-data; name="app_id"\r\n\r\ncut'],
  ] as [string, string | Uint8Array<ArrayBuffer>][])(
    'as %s that is no form is 4xx',
    async (contentType, body) => {
      const before = await files();
      const answer = await send('bundles.upload', {
        method: 'POST',
        headers: { 'content-type': contentType },
        body,
      });
      expect(answer.status).toBe(400);
      expectError(answer, answer.status, String(answer.body['code']));
      await expectNothingLeft(before);
    },
  );

  it('for a checksum that does not fit says both', async () => {
    const before = await files();
    const wrong = 'ab'.repeat(32);
    const answer = await sendForm(bundleForm({ ...good, checksum: wrong }, zip));
    expectError(answer, 400, 'invalid_bundle');
    expect(answer.body['error']).toContain(wrong);
    expect(answer.body['error']).toContain(zipSha256);
    await expectNothingLeft(before);
  });

  const index: ZipEntrySpec = { name: 'index.html', data: 'x' };
  const hostile: readonly [rule: string, entry: string | undefined, zip: Buffer][] = [
    ['escaping-path', '../evil.js', buildRawZip({ entries: [index, { name: '../evil.js', data: 'x' }] })],
    ['absolute-path', '/evil.js', buildRawZip({ entries: [index, { name: '/evil.js', data: 'x' }] })],
    ['drive-letter', 'C:/evil.js', buildRawZip({ entries: [index, { name: 'C:/evil.js', data: 'x' }] })],
    ['backslash', 'a\\evil.js', buildRawZip({ entries: [index, { name: 'a\\evil.js', data: 'x' }] })],
    ['symlink', 'link', buildRawZip({ entries: [index, { name: 'link', data: '/etc', mode: 0o120777 }] })],
    ['duplicate', 'index.html', buildRawZip({ entries: [index, index] })],
    ['missing-index', undefined, buildZip({ 'app.js': 'x' })],
    [
      'stored-descriptor',
      'raw.js',
      buildRawZip({ entries: [index, { name: 'raw.js', data: 'x', method: 0, descriptor: 'signed' }] }),
    ],
    ['crc', 'bad.js', buildRawZip({ entries: [index, { name: 'bad.js', data: 'x', both: { crc32: 1 } }] })],
    [
      'ratio',
      'bomb.bin',
      buildRawZip({ entries: [index, { name: 'bomb.bin', data: Buffer.alloc(11 * 1024 * 1024) }] }),
    ],
    ['no zip', undefined, Buffer.from('this is no zip at all')],
    ['empty', undefined, Buffer.alloc(0)],
    ['cut', undefined, buildZip({ 'index.html': 'x'.repeat(1_000) }).subarray(0, -10)],
  ];
  it.each(hostile)('for its zip (%s) is 400, names entry %j and the rule', async (_rule, entry, bytes) => {
    const before = await files();
    const answer = await sendForm(bundleForm(good, new Uint8Array(bytes)));
    expectError(answer, 400, 'invalid_bundle');
    const details = answer.body['details'] as Record<string, unknown>;
    expect(details['rule']).toMatch(/^[a-z0-9-]+$/);
    expect(details['entry']).toBe(entry);
    if (entry !== undefined) expect(answer.body['error']).toContain(entry);
    await expectNothingLeft(before);
  });

  it('over MAX_BUNDLE_SIZE is 413, encrypted or not, and names the limit', async () => {
    const limited = await startTestServer({ env: { MAX_BUNDLE_SIZE: '100000' } });
    try {
      const before = await files(limited);
      const noise = (bytes: number) => new Uint8Array(randomBytes(bytes));
      const encrypted = { ...good, session_key: 'a:b', checksum: 'c' };
      for (const [fields, bytes] of [
        [good, 100_001],
        [good, 3_000_000],
        [encrypted, 100_001],
      ] as const) {
        const answer = await sendForm(bundleForm(fields, noise(bytes)), limited);
        expectError(answer, 413, 'payload_too_large');
        expect(answer.body['error']).toContain('100000');
        await expectNothingLeft(before, limited);
      }
      expect((await sendForm(bundleForm(encrypted, noise(100_000)), limited)).status).toBe(200);
    } finally {
      await limited.close();
    }
  });

  it('that unpacks to more than MAX_UNPACKED_SIZE is 400', async () => {
    const limited = await startTestServer({ env: { MAX_UNPACKED_SIZE: '50000' } });
    try {
      const before = await files(limited);
      const bytes = new Uint8Array(buildZip({ 'index.html': 'x', 'large.txt': 'y'.repeat(60_000) }));
      const answer = await sendForm(bundleForm(good, bytes), limited);
      expectError(answer, 400, 'invalid_bundle');
      expect(answer.body['error']).toContain('50000');
      await expectNothingLeft(before, limited);
    } finally {
      await limited.close();
    }
  });

  it('whose connection breaks in the middle leaves no row, and no file within 5 seconds', async () => {
    const staging = join(server.dataDir, 'storage', 'staging');
    const before = await files();
    const until = async (isSo: () => Promise<boolean>) => {
      const deadline = performance.now() + 5_000;
      while (!(await isSo())) {
        if (performance.now() > deadline) throw new Error('It did not happen within 5 s');
        await wait(5);
      }
    };
    for (const withFields of ['before', 'after']) {
      const request = httpRequest(`${server.managementUrl}/api/v1/bundles.upload`, {
        method: 'POST',
        agent: false,
        headers: {
          'x-api-key': testToken,
          'content-type': 'multipart/form-data; boundary=cut',
          'content-length': '10000000',
        },
      });
      const broken = new Promise((resolve) => request.on('error', resolve));
      if (withFields === 'before') {
        for (const [name, value] of Object.entries(good)) {
          request.write(`--cut\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
        }
      }
      request.write('--cut\r\nContent-Disposition: form-data; name="bundle"; filename="b.zip"\r\n\r\n');
      request.write(randomBytes(500_000));
      await until(async () => (await readdir(staging)).length > 0);
      request.destroy(new Error('cut'));
      await broken;
      await until(async () => (await readdir(staging)).length === 0);
      await expectNothingLeft(before);
    }
  });

  it('does not stop the next one', async () => {
    const answer = await sendForm(bundleForm(good, zip));
    expect(answer.status).toBe(200);
  });
});

describe('a version name', () => {
  it('is used once in an app: the second upload is 409 and leaves no file', async () => {
    const appId = newAppId();
    const bundle = await uploaded(appId, '1.0.0');
    const before = await files();
    const answer = await upload(appId, '1.0.0', { description: 'again' });
    expectError(answer, 409, 'version_already_exists');
    expect(answer.body['error']).toContain('1.0.0');
    expect(await files()).toEqual(before);
    expect(await listed({ app_id: appId })).toEqual([bundle]);
  });

  it('is not free again when its bundle is deleted', async () => {
    const appId = newAppId();
    const bundle = await uploaded(appId, '1.0.0');
    expect((await post('bundles.delete', { bundle_id: bundle.id })).status).toBe(200);
    const before = await files();
    expectError(await upload(appId, '1.0.0'), 409, 'version_already_exists');
    expect(await files()).toEqual(before);
    expect(await versionsOf(appId)).toEqual([]);
  });

  it('goes to one of several uploads at the same time', async () => {
    const appId = newAppId();
    const before = await files();
    const answers = await Promise.all(Array.from({ length: 6 }, () => upload(appId, '1.0.0')));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 409, 409, 409, 409, 409]);
    for (const answer of answers.filter(({ status }) => status === 409)) {
      expectError(answer, 409, 'version_already_exists');
    }
    expect(await versionsOf(appId)).toEqual(['1.0.0']);
    expect((await files()).length).toBe(before.length + 1);
  });

  it('that differs in its build part alone is another one', async () => {
    const appId = newAppId();
    await uploaded(appId, '1.0.0+1');
    await uploaded(appId, '1.0.0+2');
    expect(await versionsOf(appId)).toEqual(['1.0.0+2', '1.0.0+1']);
  });
});

describe('the list of bundles', () => {
  it('shows an app newest first, with exactly the keys the clients know', async () => {
    const appId = newAppId();
    for (const version of ['1.0.0', '3.0.0', '2.0.0']) {
      await uploaded(appId, version);
      clock.advance(1);
    }
    const data = await listed({ app_id: appId });
    expect(data.map((bundle) => bundle['version_name'])).toEqual(['2.0.0', '3.0.0', '1.0.0']);
    for (const bundle of data) expect(Object.keys(bundle).sort()).toEqual(bundleKeys);
  });

  it('shows those of the same millisecond newest first too', async () => {
    const appId = newAppId();
    const versions = Array.from({ length: 8 }, (_, index) => `1.0.${index}`);
    for (const version of versions) await uploaded(appId, version);
    expect(await versionsOf(appId)).toEqual(versions.toReversed());
  });

  it('without app_id shows every app', async () => {
    const [one, other] = [newAppId(), newAppId()];
    await uploaded(one, '1.0.0');
    await uploaded(other, '1.0.0');
    const apps = (await listed({})).map((bundle) => bundle['app_id']);
    expect(apps.slice(0, 2)).toEqual([other, one]);
    expect(apps.length).toBeGreaterThan(2);
  });

  it('is empty for an app nobody registered', async () => {
    expect((await send('bundles.list?app_id=com.example.nobody')).body).toEqual({ data: [] });
  });

  it('comes in pages, without a gap or a repetition while bundles come and go', async () => {
    const appId = newAppId();
    const bundles: BundleBody[] = [];
    for (let number = 0; number < 7; number += 1) bundles.push(await uploaded(appId, `1.0.${number}`));
    const first = await send(`bundles.list?app_id=${appId}&limit=3`);
    expect(Object.keys(first.body).sort()).toEqual(['data', 'next_cursor']);
    await uploaded(appId, '2.0.0');
    await post('bundles.delete', { bundle_id: bundles[4]?.id ?? '' });
    const seen = (first.body['data'] as BundleBody[]).map(({ version_name }) => version_name);
    let cursor = first.body['next_cursor'] as string | undefined;
    while (cursor !== undefined) {
      const query = new URLSearchParams({ app_id: appId, limit: '3', cursor });
      const page = await send(`bundles.list?${query}`);
      seen.push(...(page.body['data'] as BundleBody[]).map(({ version_name }) => version_name));
      cursor = page.body['next_cursor'] as string | undefined;
    }
    expect(seen).toEqual(['1.0.6', '1.0.5', '1.0.4', '1.0.3', '1.0.2', '1.0.1', '1.0.0']);
  });

  it('names no next page when the last one is just full', async () => {
    const appId = newAppId();
    await uploaded(appId, '1.0.0');
    await uploaded(appId, '1.0.1');
    const { body } = await send(`bundles.list?app_id=${appId}&limit=2`);
    expect(body['data']).toHaveLength(2);
    expect(body).not.toHaveProperty('next_cursor');
  });

  it.each([
    ...[
      'limit=0',
      'limit=-1',
      'limit=1001',
      'limit=1.5',
      'limit=abc',
      'limit=1e2',
      'limit=%20',
      'limit=1&limit=2',
    ],
    ...['cursor=abc', 'cursor=!!', `cursor=${Buffer.from('1:2').toString('base64url')}`, 'cursor=a&cursor=b'],
    ...['app_id=nodots', 'app_id=com.example%00', 'app_id=a.b&app_id=c.d', `app_id=${unknownId}`],
  ])('with %s is 400', async (query) => {
    expectError(await send(`bundles.list?${query}`), 400, 'invalid_request');
  });

  it.each(['limit=1000', 'limit=1', 'limit=', 'cursor=', 'app_id=', 'unknown=1'])(
    'with %s is fine',
    async (query) => {
      expect((await send(`bundles.list?${query}`)).status).toBe(200);
    },
  );
});

describe('deleting a bundle', () => {
  it('takes it and its file away', async () => {
    const appId = newAppId();
    const bundle = await uploaded(appId, '1.0.0');
    const before = await files();
    const answer = await post('bundles.delete', { bundle_id: bundle.id.toUpperCase() });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ message: expect.any(String) });
    expect(await versionsOf(appId)).toEqual([]);
    expect((await files()).length).toBe(before.length - 1);
    expect((await fetch(bundle.public_download_url)).status).toBe(404);
    expectError(await post('bundles.delete', { bundle_id: bundle.id }), 404, 'bundle_not_found');
  });

  it('is 409 while a release uses it, as builtin or active, and names the release', async () => {
    const appId = newAppId();
    const builtin = await uploaded(appId, '1.0.0');
    const active = await uploaded(appId, '1.0.1');
    const created = await post('releases.create', {
      ...{ app_id: appId, platform: 'ios', version_name: '1.0.0', version_code: '77' },
      builtin_bundle_id: builtin.id,
    });
    const release_id = (created.body['release'] as { id: string }).id;
    await post('releases.set-active', { release_id, bundle_id: active.id });
    for (const bundle of [builtin, active]) {
      const answer = await post('bundles.delete', { bundle_id: bundle.id });
      expectError(answer, 409, 'bundle_in_use');
      expect(answer.body['error']).toContain('77');
      expect((await fetch(bundle.public_download_url)).status).toBe(200);
    }
    await post('releases.set-active', { release_id, bundle_id: null });
    expect((await post('bundles.delete', { bundle_id: active.id })).status).toBe(200);
    expectError(await post('bundles.delete', { bundle_id: builtin.id }), 409, 'bundle_in_use');
    await post('releases.delete', { release_id });
    expect((await post('bundles.delete', { bundle_id: builtin.id })).status).toBe(200);
  });

  it('succeeds for one of several callers at the same time', async () => {
    const bundle = await uploaded(newAppId(), '1.0.0');
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => post('bundles.delete', { bundle_id: bundle.id })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404, 404, 404, 404]);
  });

  it.each([
    [{}],
    [{ bundle_id: null }],
    [{ bundle_id: 5 }],
    [{ bundle_id: '' }],
    [{ bundle_id: 'x'.repeat(24) }],
    [{ bundle_id: unknownId.slice(1) }],
    [{ bundle_id: `${unknownId}0` }],
    [{ bundle_id: `${unknownId}\n` }],
    [{ bundle_id: [unknownId] }],
    [[]],
    [{ id: unknownId }],
  ])('with %j is 400', async (body) => {
    expectError(await post('bundles.delete', body), 400, 'invalid_request');
  });

  it('of an unknown id is 404', async () => {
    expectError(await post('bundles.delete', { bundle_id: unknownId }), 404, 'bundle_not_found');
  });
});

describe('the download URL of a bundle', () => {
  it('is on PUBLIC_URL when there is one', async () => {
    const on = await startTestServer({ env: { PUBLIC_URL: 'https://ota.example.com' } });
    try {
      const bundle = await uploaded('com.example.public', '1.0.0', on);
      const path = `/files/read/attachments/apps/com.example.public/bundles/${bundle.id}.zip`;
      expect(bundle.public_download_url).toBe(`https://ota.example.com${path}`);
    } finally {
      await on.close();
    }
  });
});

describe('what everybody may see', () => {
  it('is a page at /ui that runs nothing and loads nothing from elsewhere', async () => {
    for (const path of ['/ui', '/ui/']) {
      const response = await fetch(`${server.managementUrl}${path}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toMatch(/^text\/html\b/);
      const policy = response.headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/default-src '(none|self)'/);
      expect(policy).not.toMatch(/script-src[^;]*'unsafe-(inline|eval)'/);
      const html = await response.text();
      expect(html).toContain('<!doctype html>');
      expect(html).not.toContain(testToken);
    }
  });

  it('is how to sign in: nothing, unless OAUTH_* is set', async () => {
    const read = async (on: TestServer) => {
      const response = await fetch(`${on.managementUrl}/apipublic/v1/oauth2.config`);
      return [response.status, await response.json()];
    };
    expect(await read(server)).toEqual([200, { issuer: '', client_id: '' }]);
    const on = await startTestServer({
      env: { OAUTH_ISSUER: 'https://id.example.com', OAUTH_CLIENT_ID: 'console' },
    });
    try {
      expect(await read(on)).toEqual([200, { issuer: 'https://id.example.com', client_id: 'console' }]);
    } finally {
      await on.close();
    }
  });

  it.each([
    ['GET', '/'],
    ['GET', '/api/v1/unknown'],
    ['POST', '/api/v1/bundles.list'],
    ['GET', '/api/v1/bundles.upload'],
    ['POST', '/updates'],
    ['GET', '/metrics'],
    ['GET', '/ui/unknown.js'],
  ])('%s %s is a 404 in JSON, with and without a key', async (method, path) => {
    for (const headers of [{}, { 'x-api-key': testToken }] as Record<string, string>[]) {
      const response = await fetch(`${server.managementUrl}${path}`, { method, headers });
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({ error: expect.any(String), code: 'not_found' });
    }
  });

  it('is not a file of the server itself', async () => {
    const bytes = await readFile(new URL('./bundles.ts', import.meta.url), 'utf8');
    for (const path of [
      '/ui/../package.json',
      '/ui/..%2fpackage.json',
      '/ui/%2e%2e/management-api/bundles.ts',
    ]) {
      const response = await fetch(`${server.managementUrl}${path}`);
      expect(response.status).toBe(404);
      expect(await response.text()).not.toContain(bytes.slice(0, 40));
    }
  });
});
