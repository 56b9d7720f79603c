import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildActor } from '../testing/builders.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';

const appId = 'com.example.channels';
let server: TestServer;
const headers = { 'x-api-key': testToken };

async function ask(path: string, body?: object): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${server.managementUrl}/api/v1/${path}`, {
    headers,
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function upload(versionName: string): Promise<string> {
  const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
    method: 'POST',
    headers,
    body: bundleForm({ app_id: appId, version_name: versionName }),
  });
  return ((await response.json()) as { bundle: { id: string } }).bundle.id;
}

beforeAll(async () => {
  server = await startTestServer();
  const { channels } = server.product.services;
  const first = await upload('1.0.0');
  const second = await upload('1.0.1');
  const { id } = await channels.create({ appId, name: 'production', isPublic: true }, buildActor());
  await channels.setBundle(id, first, buildActor());
  await channels.setBundle(id, second, buildActor());
});
afterAll(() => server.close());

const query = `app_id=${appId}&channel=production`;

describe('what a channel has served', () => {
  it('is listed newest first, by version names, with who and why, page by page', async () => {
    const { body } = await ask(`deployments.list?${query}&limit=2`);
    const rows = body['data'] as { bundle: string; actor: string; reason: string }[];
    expect(rows.map(({ bundle, actor, reason }) => [bundle, actor, reason])).toEqual([
      ['1.0.1', 'tester', 'set bundle'],
      ['1.0.0', 'tester', 'set bundle'],
    ]);
    const rest = await ask(`deployments.list?${query}&cursor=${body['next_cursor']}`);
    expect((rest.body['data'] as { bundle: string }[]).map(({ bundle }) => bundle)).toEqual(['builtin']);
  });

  it('is gone back along, step by step, until there is nothing before', async () => {
    const channel = { app_id: appId, channel: 'production' };
    const steps = [];
    for (let step = 0; step < 3; step += 1) steps.push(await ask('channels.rollback', channel));
    expect(steps.map(({ status, body }) => [status, body['bundle'] ?? body['code']])).toEqual([
      [200, '1.0.0'],
      [200, 'builtin'],
      [400, 'invalid_request'],
    ]);
    const { body } = await ask(`deployments.list?${query}&limit=1`);
    expect(body['data']).toEqual([
      expect.objectContaining({ reason: 'rollback', actor: 'management-token-1' }),
    ]);
  });
});

describe('the health of a rollout', () => {
  it('says that there is none, and how one fares by the numbers that would stop it', async () => {
    const { channels } = server.product.services;
    const none = await ask(`channels.health?${query}`);
    expect(none.body).toMatchObject({ rolling: false, verdict: 'no_rollout', failure_rate_bps: null });

    const stable = await upload('2.0.0');
    const next = await upload('2.0.1');
    const [channel] = await channels.list(appId);
    const id = channel?.id ?? 0;
    await channels.setBundle(id, stable, buildActor());
    await channels.changeSettings(
      id,
      {
        policy: 'none',
        autoPause: { isEnabled: true, failureRateBps: 5_000 },
      },
      buildActor(),
    );
    await channels.changeRollout(
      id,
      { bundleId: next, isEnabled: true, percentageBps: 10_000 },
      buildActor(),
    );
    const events = Array.from({ length: 4 }, (_, index) => ({
      ...{ app_id: appId, device_id: `00000000-0000-4000-8000-00000000000${index}`, platform: 'ios' },
      ...{ version_build: '1.0.0', version_code: '1', version_os: '17', plugin_version: '8.51.14' },
      ...{ is_emulator: false, is_prod: true, version_name: '2.0.1' },
      action: index === 0 ? 'set_fail' : 'set',
    }));
    const sent = await fetch(`${server.userUrl}/stats`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
    });
    expect(sent.status).toBe(200);
    const { body } = await ask(`channels.health?${query}`);
    expect(body).toMatchObject({
      ...{ rolling: true, installs: 3, failures: 1, failure_rate_bps: 2_500, threshold_bps: 5_000 },
      verdict: 'below_threshold',
    });
    expect(body['certain_rate_bps']).toBeLessThan(2_500);
  });
});

it.each([
  [`deployments.list?app_id=${appId}&channel=none`, undefined, 404],
  [`deployments.list?app_id=com.example.nobody&channel=production`, undefined, 404],
  [`deployments.list?app_id=${appId}`, undefined, 400],
  [`channels.health?app_id=x&channel=production`, undefined, 400],
  ['channels.rollback', { app_id: appId }, 400],
  ['channels.rollback', { app_id: appId, channel: 7 }, 400],
  ['channels.rollback', { app_id: appId, channel: 'none' }, 404],
] as const)('%s with %j answers %i', async (path, body, status) => {
  expect((await ask(path, body)).status).toBe(status);
});
