import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { someDeviceId } from '../testing/builders.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: unknown;
}

const appId = 'com.example.channelself';
const unknownAppId = 'com.example.nobody';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers: { 'x-api-key': testToken },
    body: bundleForm({ app_id: appId, version_name: '1.0.0' }),
  });
  if (response.status !== 200) throw new Error(`upload answered ${response.status}`);
});
afterAll(() => server.close());

const device: Readonly<Record<string, unknown>> = {
  app_id: appId,
  device_id: someDeviceId,
  platform: 'ios',
  version_name: '1.0.0',
  version_build: '1.0.0',
  version_os: '17.0',
  version_code: '1',
  plugin_version: '8.51.14',
  is_emulator: false,
  is_prod: true,
};

async function answerOf(response: Response): Promise<Answer> {
  const text = await response.text();
  return { status: response.status, text, body: JSON.parse(text) };
}

type Verb = 'POST' | 'PUT' | 'DELETE' | 'GET';

async function ask(verb: Verb, given: Record<string, unknown>, path = '/channel_self'): Promise<Answer> {
  const all = Object.entries({ ...device, ...given }).filter(([, value]) => value !== undefined);
  if (verb === 'POST' || verb === 'PUT') {
    const init = { method: verb, headers: { 'content-type': 'application/json' } };
    return answerOf(
      await fetch(`${server.userUrl}${path}`, { ...init, body: JSON.stringify(Object.fromEntries(all)) }),
    );
  }
  const query = new URLSearchParams(all.map(([name, value]): [string, string] => [name, String(value)]));
  return answerOf(await fetch(`${server.userUrl}${path}?${query}`, { method: verb }));
}

function expectRefusal(answer: Answer, error: string, facts: Record<string, string> = {}): void {
  expect(answer.status).toBe(200);
  // `status` keeps Electron from taking the refusal for a success.
  expect(answer.body).toEqual({ error, message: expect.any(String), status: 'error', ...facts });
}

function expectNested(answer: Answer, status: number, code: string): void {
  expect(answer.status).toBe(status);
  expect(Object.keys(answer.body as object).sort()).toEqual(['error', 'message', 'moreInfo']);
  expect(answer.body).toMatchObject({ error: code });
}

describe('choosing a channel (POST)', () => {
  it.each([
    ['ios', '8.51.14'],
    ['android', '7.10.0'],
    ['electron', '0.0.1'],
    ['ios', undefined],
  ])('on %s with plugin %s finds no channel in an app without any', async (platform, plugin_version) => {
    expectRefusal(await ask('POST', { platform, plugin_version, channel: 'beta' }), 'channel_not_found', {
      channel: 'beta',
      app_id: appId,
    });
  });

  it.each([undefined, ''])('without a channel (%j) is told so, also for an unknown app', async (channel) => {
    expectRefusal(await ask('POST', { channel }), 'missing_channel');
    expectRefusal(await ask('POST', { channel, app_id: unknownAppId }), 'missing_channel');
  });

  it('of an unknown app is app_not_found', async () => {
    expectRefusal(await ask('POST', { channel: 'beta', app_id: unknownAppId }), 'app_not_found');
  });

  it('by electron as an unset, which names no channel, is fine', async () => {
    const answer = await ask('POST', { platform: 'electron', action: 'unset' });
    expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }]);
    expectRefusal(
      await ask('POST', { platform: 'electron', action: 'unset', app_id: unknownAppId }),
      'app_not_found',
    );
    expectRefusal(await ask('POST', { platform: 'ios', action: 'unset' }), 'missing_channel');
  });

  it('by electron with action set finds no channel either', async () => {
    const answer = await ask('POST', { platform: 'electron', action: 'set', channel: 'beta' });
    expectRefusal(answer, 'channel_not_found', { channel: 'beta', app_id: appId });
  });
});

describe('reading the channel (PUT)', () => {
  it.each(['8.51.14', '7.10.0', '5.0.0', '10.0.0', undefined])(
    'with plugin %s says that there is none, never a name that does not exist',
    async (plugin_version) => {
      for (const platform of ['ios', 'android', 'electron']) {
        const answer = await ask('PUT', { platform, plugin_version });
        expectRefusal(answer, 'channel_not_found');
        expect(answer.text).not.toContain('production');
      }
    },
  );

  it('says the same when the device names a default channel of its own', async () => {
    expectRefusal(await ask('PUT', { defaultChannel: 'beta' }), 'channel_not_found');
  });

  it('of an unknown app is app_not_found', async () => {
    expectRefusal(await ask('PUT', { app_id: unknownAppId }), 'app_not_found');
  });
});

describe('dropping the channel (DELETE)', () => {
  it.each(['8.51.14', '8.0.0', '7.34.0', '6.34.0', '5.34.0', '9.0.0', '0.0.1', '4.0.0', undefined])(
    'is fine with plugin %s, which keeps its channel itself',
    async (plugin_version) => {
      const answer = await ask('DELETE', { plugin_version });
      expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }]);
    },
  );

  it.each(['7.33.9', '6.33.9', '5.33.9', '5.0.0', '8.0.0-beta.1', 'abc'])(
    'is refused with plugin %s, for which the server keeps none',
    async (plugin_version) => {
      expectRefusal(await ask('DELETE', { plugin_version }), 'cannot_override');
    },
  );

  it('of an unknown app is app_not_found', async () => {
    expectRefusal(await ask('DELETE', { app_id: unknownAppId }), 'app_not_found');
    expectRefusal(await ask('DELETE', { app_id: unknownAppId, plugin_version: '5.0.0' }), 'app_not_found');
  });
});

describe('listing channels (GET)', () => {
  it.each(['ios', 'android'])('on %s answers an empty list', async (platform) => {
    const answer = await ask('GET', { platform });
    expect([answer.status, answer.body]).toEqual([200, []]);
  });

  it('needs no device id', async () => {
    const answer = await ask('GET', { device_id: undefined });
    expect([answer.status, answer.body]).toEqual([200, []]);
  });

  it('on electron answers the object electron reads, and its reading of the channel says there is none', async () => {
    const list = await ask('GET', { platform: 'electron', action: 'list' });
    expect([list.status, list.body]).toEqual([200, { channels: [] }]);
    expectRefusal(await ask('GET', { platform: 'electron' }), 'channel_not_found');
  });

  it('of an unknown app is app_not_found', async () => {
    for (const given of [{}, { platform: 'electron' }, { platform: 'electron', action: 'list' }]) {
      expectRefusal(await ask('GET', { ...given, app_id: unknownAppId }), 'app_not_found');
    }
  });
});

describe('validation', () => {
  const verbs: readonly Verb[] = ['POST', 'PUT', 'DELETE', 'GET'];
  const invalidCode = (verb: Verb) =>
    verb === 'POST' || verb === 'PUT' ? 'invalid_json_body' : 'invalid_query_parameters';

  it.each(['POST', 'PUT'] as const)('%s refuses a body that is no JSON object', async (verb) => {
    const rows: readonly [string, string][] = [
      ['{"app_id":', 'invalid_json_parse_body'],
      ['', 'invalid_json_parse_body'],
      ['null', 'invalid_json_body'],
      ['[]', 'invalid_json_body'],
      ['5', 'invalid_json_body'],
      ['{}', 'invalid_json_body'],
    ];
    for (const [body, code] of rows) {
      const init = { method: verb, headers: { 'content-type': 'application/json' }, body };
      expectNested(await answerOf(await fetch(`${server.userUrl}/channel_self`, init)), 400, code);
    }
  });

  it.each(['DELETE', 'GET'] as const)('%s refuses a query without any known key', async (verb) => {
    for (const query of ['', '?', '?unknown=1', '?action=list']) {
      const response = await fetch(`${server.userUrl}/channel_self${query}`, { method: verb });
      expectNested(await answerOf(response), 400, 'invalid_query_parameters');
    }
  });

  it.each(verbs)('%s names the first thing that is missing', async (verb) => {
    const given = { channel: 'beta' };
    const noDevice = await ask(verb, { ...given, device_id: undefined });
    if (verb === 'GET') expect(noDevice.body).toEqual([]);
    else expectNested(noDevice, 400, 'missing_device_id');
    expectNested(await ask(verb, { ...given, app_id: undefined }), 400, 'missing_app_id');
    expectNested(await ask(verb, { ...given, app_id: '' }), 400, 'missing_app_id');
    expectNested(await ask(verb, { ...given, version_build: 'invalid semver' }), 400, 'semver_error');
    expectNested(
      await ask(verb, { ...given, version_build: 'abc', platform: 'web', app_id: 'nodots' }),
      400,
      'semver_error',
    );
  });

  const refused: readonly [field: string, value: unknown, verbs: readonly Verb[]][] = [
    ['app_id', 'nodots', verbs],
    ['device_id', 'no-uuid', ['POST', 'PUT', 'DELETE']],
    ['platform', 'web', verbs],
    ['platform', undefined, verbs],
    ['key_id', 'x'.repeat(21), verbs],
    ['version_name', undefined, ['POST', 'PUT', 'DELETE']],
    ['version_build', undefined, ['POST', 'PUT', 'DELETE']],
    ['install_source', 'x'.repeat(65), ['POST', 'PUT', 'DELETE']],
    ['device_id', 5, ['POST', 'PUT']],
    ['is_emulator', 'true', ['POST', 'PUT']],
    ['is_prod', 1, ['POST', 'PUT']],
    ['plugin_version', 8, ['POST', 'PUT']],
    ['channel', 5, ['POST', 'PUT']],
    ['defaultChannel', 5, ['POST', 'PUT']],
  ];
  it.each(refused)('refuses as %s the value %j', async (field, value, where) => {
    for (const verb of where) {
      const answer = await ask(verb, { channel: 'beta', [field]: value });
      expectNested(answer, 400, invalidCode(verb));
      const { moreInfo } = answer.body as {
        moreInfo: { parseResult: { error: { issues: { path: string[] }[] } } };
      };
      expect(moreInfo.parseResult.error.issues.map(({ path }) => path)).toEqual([[field]]);
    }
  });

  it.each(verbs)('%s accepts what the plugins send for "none"', async (verb) => {
    const none = {
      version_name: '',
      version_build: '',
      defaultChannel: '',
      custom_id: '',
      install_source: '',
    };
    const answer = await ask(verb, { channel: 'beta', ...none });
    expect(answer.status).toBe(200);
  });

  it.each(['DELETE', 'GET'] as const)(
    '%s takes of a flag only "true" for true, and of a repeated key the first',
    async (verb) => {
      for (const is_prod of ['yes', '1', 'TRUE', 'false']) {
        expect((await ask(verb, { is_prod })).status).toBe(200);
      }
      const query = new URLSearchParams(
        Object.entries(device).map(([name, value]): [string, string] => [name, String(value)]),
      );
      query.append('app_id', 'nodots');
      const response = await fetch(`${server.userUrl}/channel_self?${query}`, { method: verb });
      expect(response.status).toBe(200);
    },
  );

  it.each(verbs)('%s takes an upper-case device id', async (verb) => {
    const lower = await ask(verb, { channel: 'beta' });
    const upper = await ask(verb, { channel: 'beta', device_id: someDeviceId.toUpperCase() });
    expect(upper).toEqual(lower);
    expect(upper.status).toBe(200);
  });

  it.each(verbs)('%s answers the same below /plugin', async (verb) => {
    expect(await ask(verb, { channel: 'beta' }, '/plugin/channel_self')).toEqual(
      await ask(verb, { channel: 'beta' }),
    );
  });
});
