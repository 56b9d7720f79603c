import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { defaultOrganizationId } from '../../domain/organization.ts';
import type { DeviceActivity } from '../../domain/statistics.ts';
import { createStatistics } from '../../services/statistics.ts';
import { buildBundle, buildDeviceRecord, buildRecordedEvent, someAuthor } from '../../testing/builders.ts';
import { createFakeClock } from '../../testing/fake-clock.ts';
import { startTestServer, type TestServer, testToken } from '../../testing/test-server.ts';
import { RestError } from './rest-error.ts';
import { restStatisticsRoutes } from './statistics.ts';

type Json = Record<string, unknown>;

const appId = 'com.example.statistics';
const otherAppId = 'com.example.statistics.other';
const today = '2026-02-02';
const clock = createFakeClock(Date.UTC(2026, 1, 2, 12));
let server: TestServer;

function deviceIdOf(number: number): string {
  return `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

async function report(app: string, device: number, date: string, given: Partial<DeviceActivity> = {}) {
  const deviceId = deviceIdOf(device);
  await server.product.store.appendDeviceEvents([
    buildRecordedEvent(
      { appId: app, deviceId },
      {
        device: buildDeviceRecord({ appId: app, deviceId }),
        activity: {
          atMs: Date.parse(date),
          ...{ date, platform: 'ios', bundle: '1.0.0', nativeVersion: '1.0.0', pluginVersion: '8.0.0' },
          ...{ channel: '', offered: null },
          ...given,
        },
      },
    ),
  ]);
}

async function addBytes(app: string, date: string, amount: number, name = 'served') {
  const increment = { metric: 'bandwidth', date, name, detail: '', amount } as const;
  await server.product.store.addToStatistics([{ appId: app, increment }]);
}

beforeAll(async () => {
  server = await startTestServer({ clock });
  const { store, services } = server.product;
  await store.insertBundle(
    buildBundle({ appId, versionName: '1.0.0', sizeBytes: 1_000, createdAtMs: Date.UTC(2026, 0, 1) }),
    someAuthor,
  );
  await store.insertBundle(
    buildBundle({ appId, versionName: '1.0.1', sizeBytes: 50, createdAtMs: Date.UTC(2026, 1, 1, 5) }),
    someAuthor,
  );
  await store.insertBundle(
    buildBundle({ appId: otherAppId, sizeBytes: 7, createdAtMs: Date.UTC(2026, 0, 1) }),
    someAuthor,
  );
  await services.apps.change(appId, {}, someAuthor.actor);
  await services.apps.change(otherAppId, {}, someAuthor.actor);
  await report(appId, 1, '2026-01-30');
  await report(appId, 2, '2026-01-30', { platform: 'android' });
  await report(appId, 1, '2026-01-31', { bundle: '1.0.1' });
  await report(appId, 1, '2026-02-01', { bundle: '1.0.1' });
  await report(appId, 2, '2026-02-01', { platform: 'android', nativeVersion: '1.10.0' });
  await report(appId, 3, '2026-02-01');
  await report(otherAppId, 1, '2026-02-01');
  await addBytes(appId, '2026-01-31', 10);
  await addBytes(appId, '2026-02-01', 20);
  await addBytes(appId, '2026-02-01', 5, 'redirected');
  await addBytes(otherAppId, '2026-02-01', 100);
});
afterAll(() => server.close());

async function get(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: never }> {
  const response = await fetch(`${server.managementUrl}${path}`, {
    headers: { 'x-api-key': testToken, ...headers },
  });
  return { status: response.status, body: (await response.json()) as never };
}

const hosted = { capgo_api: '2025-10-01' };
const range = 'from=2026-01-30&to=2026-02-03';

describe('GET /statistics/app/:app_id', () => {
  it('answers as documented: each day until today, accumulated', async () => {
    const { status, body } = await get(`/statistics/app/${appId}/?${range}`);
    expect(status).toBe(200);
    expect(body).toEqual([
      { date: '2026-01-30', mau: 2, storage: 1_000, bandwidth: 0 },
      { date: '2026-01-31', mau: 2, storage: 1_000, bandwidth: 10 },
      { date: '2026-02-01', mau: 5, storage: 1_050, bandwidth: 35 },
      { date: today, mau: 5, storage: 1_050, bandwidth: 35 },
    ]);
  });

  it('answers the official clients more of it, below the alias, and day by day', async () => {
    const { status, body } = await get(
      `/functions/v1/statistics/app/${appId}?${range}&noAccumulate=true`,
      hosted,
    );
    expect(status).toBe(200);
    expect(body).toEqual([
      {
        ...{ date: '2026-01-30T00:00:00.000Z', mau: 2, storage: 1_000, storage_byte_hours: 24_000 },
        ...{ bandwidth: 0, build_time_seconds: 0 },
      },
      expect.objectContaining({ date: '2026-01-31T00:00:00.000Z', mau: 0, storage: 0, bandwidth: 10 }),
      expect.objectContaining({ mau: 3, storage: 50, storage_byte_hours: 24_000 + 19 * 50, bandwidth: 25 }),
      expect.objectContaining({ date: `${today}T00:00:00.000Z`, storage_byte_hours: 12 * 1_050 }),
    ]);
    expect(body[0]).not.toHaveProperty('get');
  });

  it.each([
    ['without from', 'to=2026-01-31'],
    ['without to', 'from=2026-01-31'],
    ['with an empty from', 'from=&to=2026-01-31'],
    ['with what is no date', 'from=yesterday&to=2026-01-31'],
    ['with a time before the epoch', 'from=1969-12-31&to=2026-01-31'],
    ['with two of them', 'from=2026-01-01&from=2026-01-02&to=2026-01-31'],
    ['with a flag that is none', `${range}&noAccumulate=1`],
    ['with more days than ten years', 'from=2000-01-01&to=2026-01-31'],
  ])('refuses a request %s', async (_what, query) => {
    const documented = await get(`/statistics/app/${appId}?${query}`);
    expect(documented).toMatchObject({ status: 400, body: { status: 'KO', code: 'invalid_body' } });
    const official = await get(`/statistics/app/${appId}?${query}`, hosted);
    expect(official).toMatchObject({ status: 400, body: { error: 'invalid_body', moreInfo: {} } });
  });

  it('takes dates in the forms that JavaScript reads', async () => {
    for (const from of ['2026-01-31', 'Jan 31, 2026 00:00 UTC', '2026-01-31T00:00:00Z']) {
      const { body } = await get(
        `/statistics/app/${appId}?${new URLSearchParams({ from, to: '2026-02-01' })}`,
      );
      expect(body).toEqual([{ date: '2026-01-31', mau: 0, storage: 1_050, bandwidth: 10 }]);
    }
  });

  it('answers of an app nobody has that there is no access', async () => {
    for (const path of ['', '/bundle_usage', '/native_usage']) {
      const { status, body } = await get(`/statistics/app/com.example.none${path}?${range}`, hosted);
      expect([status, body]).toEqual([
        401,
        { error: 'no_access_to_app', message: 'No access to app', moreInfo: { app_id: 'com.example.none' } },
      ]);
    }
  });
});

it.each(['', '/bundle_usage', '/native_usage'])(
  'GET /statistics/app/:app_id%s asks no database of what can be no app, which not every one can be asked',
  async (path) => {
    const { store } = server.product;
    const asked = vi.spyOn(store, 'findApp');
    try {
      for (const id of ['%00', 'com.example%00.app', '%F0%9F%98%80', "'"]) {
        const answer = await get(`/statistics/app/${id}${path}?${range}`);
        expect(answer).toMatchObject({ status: 401, body: { code: 'no_access_to_app' } });
      }
      expect(asked).not.toHaveBeenCalled();
      await get(`/statistics/app/com.example.none${path}?${range}`);
      expect(asked).toHaveBeenCalledWith('com.example.none');
    } finally {
      asked.mockRestore();
    }
  },
);

describe('GET /statistics/app/:app_id/bundle_usage', () => {
  it('answers shares of each day, the last one included, with the devices behind them', async () => {
    const { body } = await get(`/statistics/app/${appId}/bundle_usage?from=2026-01-29&to=${today}`);
    expect(body).toEqual({
      labels: ['2026-01-29', '2026-01-30', '2026-01-31', '2026-02-01', today],
      datasets: [
        { label: '1.0.0', data: [0, 100, 0, 66.7, 0], metaCounts: [0, 2, 0, 2, 0] },
        { label: '1.0.1', data: [0, 0, 100, 33.3, 0], metaCounts: [0, 0, 1, 1, 0] },
      ],
    });
  });

  it('answers of a day without devices what the day before was like', async () => {
    clock.advance(2 * 24 * 60 * 60 * 1000);
    const { body } = await get(`/statistics/app/${appId}/bundle_usage?from=2026-02-01&to=2026-02-09`);
    clock.advance(-2 * 24 * 60 * 60 * 1000);
    expect(body).toMatchObject({
      labels: ['2026-02-01', '2026-02-02', '2026-02-03', '2026-02-04'],
      datasets: [
        { label: '1.0.0', data: [66.7, 66.7, 66.7, 0], metaCounts: [2, 0, 0, 0] },
        { label: '1.0.1', data: [33.3, 33.3, 33.3, 0] },
      ],
    });
  });
});

it('GET /statistics/app/:app_id/native_usage answers native versions with their platform, and the newest', async () => {
  const { body } = await get(`/statistics/app/${appId}/native_usage?from=2026-02-01&to=2026-02-01`);
  expect(body).toEqual({
    labels: ['2026-02-01'],
    datasets: [
      { label: 'iOS 1.0.0', data: [66.7], metaCounts: [2] },
      { label: 'Android 1.10.0', data: [33.3], metaCounts: [1] },
    ],
    latestVersion: { name: 'Android 1.10.0', percentage: '33.3' },
  });
  const none = await get(`/statistics/app/${otherAppId}/native_usage?from=2020-02-01&to=2020-02-01`);
  expect(none.body).toEqual({
    ...{ labels: ['2020-02-01'], datasets: [] },
    latestVersion: { name: '', percentage: '0.0' },
  });
});

describe('GET /statistics/org/:org_id', () => {
  const path = `/statistics/org/${defaultOrganizationId}?from=2026-02-01&to=2026-02-02`;

  it('answers the apps of the organization together', async () => {
    const { body } = await get(path);
    expect(body).toEqual([{ date: '2026-02-01', mau: 4, storage: 1_057, bandwidth: 125 }]);
  });

  it('tells them apart when it is asked to', async () => {
    const { body } = await get(`${path}&breakdown=true`);
    expect(body).toEqual({
      global: [{ date: '2026-02-01', mau: 4, storage: 1_057, bandwidth: 125 }],
      byApp: [
        { app_id: appId, date: '2026-02-01', mau: 3, storage: 1_050, bandwidth: 25 },
        { app_id: otherAppId, date: '2026-02-01', mau: 1, storage: 7, bandwidth: 100 },
      ],
    });
  });

  it('answers of an organization nobody has that there is no access, and refuses what is no flag', async () => {
    expect(await get(`/statistics/org/none?${range}`, hosted)).toMatchObject({
      ...{ status: 401, body: { error: 'no_access_to_organization' } },
    });
    expect(await get(`${path}&breakdown=yes`)).toMatchObject({ status: 400, body: { code: 'invalid_body' } });
  });
});

it('GET /statistics/user answers all apps together', async () => {
  const { body } = await get('/statistics/user?from=2026-02-01&to=2026-02-02');
  expect(body).toEqual([{ date: '2026-02-01', mau: 4, storage: 1_057, bandwidth: 125 }]);
});

describe('a caller that may see some apps only', () => {
  const query = { from: '2026-02-01', to: '2026-02-02' };
  async function ask(url: string, params: Json, kind: 'api_key' | 'user', apps: readonly string[]) {
    const { services, store } = server.product;
    const routes = restStatisticsRoutes({
      apps: services.apps,
      statistics: createStatistics({ store, clock }),
      organizations: services.organizations,
    });
    const route = routes.find((each) => each.url === url);
    if (!route || route.permission === 'public') throw new Error('There is no such route');
    const caller = { kind, id: 'k', name: 'k', role: 'read', apps: new Set(apps) } as const;
    const request = { params, query, headers: hosted };
    return route.handler(request as never, {} as never, caller);
  }

  it('is answered of a hidden app as of one that nobody has', async () => {
    for (const kind of ['api_key', 'user'] as const) {
      const refusals: RestError[] = [];
      for (const app of [otherAppId, 'com.example.none']) {
        const error = await ask('/statistics/app/:app_id', { app_id: app }, kind, [appId]).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        if (!(error instanceof RestError)) throw new Error('It was not refused');
        refusals.push(error);
      }
      const [hidden, missing] = refusals;
      expect([hidden?.status, hidden?.restCode, hidden?.message]).toEqual([
        missing?.status,
        missing?.restCode,
        missing?.message,
      ]);
      expect(hidden?.restCode).toBe(kind === 'user' ? 'app_not_found' : 'no_access_to_app');
    }
  });

  it('is answered the sums of what it may see', async () => {
    const org = { org_id: defaultOrganizationId };
    expect(await ask('/statistics/org/:org_id', org, 'api_key', [otherAppId])).toMatchObject([
      { mau: 1, storage: 7, bandwidth: 100 },
    ]);
    expect(await ask('/statistics/user', {}, 'user', [otherAppId])).toMatchObject([{ mau: 1, get: 0 }]);
    await expect(ask('/statistics/user', {}, 'user', [])).rejects.toMatchObject({
      ...{ restCode: 'apps_not_found', status: 404 },
    });
  });
});
