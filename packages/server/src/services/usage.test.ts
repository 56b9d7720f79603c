import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AppError } from '../domain/errors.ts';
import { entriesOf } from '../domain/manifest.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { CheckMinute, StatisticAddition } from '../ports/statistics.ts';
import { buildUpdateCheckBody } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { bundleForm, startTestServer, type TestServer, testToken } from '../testing/test-server.ts';
import { createUsage, deleteOldMinutes } from './usage.ts';

const appId = 'com.example.usage';
const key = `apps/${appId}/bundles/${'0'.repeat(24)}.zip`;

function createHarness() {
  const clock = createFakeClock(Date.UTC(2026, 0, 15, 12, 0, 30));
  const written: { bytes: StatisticAddition[]; minutes: CheckMinute[] } = { bytes: [], minutes: [] };
  let isDown = false;
  const refuseWhenDown = () => {
    if (isDown) throw new AppError('unavailable', 'The database is away');
  };
  const usage = createUsage({
    clock,
    appSnapshots: { find: (id: string) => (id === appId ? { appId } : undefined) } as unknown as AppSnapshots,
    store: {
      async addToStatistics(additions) {
        refuseWhenDown();
        written.bytes.push(...additions);
      },
      async addCheckMinutes(additions) {
        refuseWhenDown();
        written.minutes.push(...additions);
      },
    },
  });
  return {
    ...{ usage, clock, written },
    setDown(down: boolean) {
      isDown = down;
    },
  };
}

describe('usage', () => {
  it('is written for minutes that are over, once', async () => {
    const { usage, clock, written } = createHarness();
    for (let each = 0; each < 3; each += 1) usage.countCheck(appId);
    usage.countCheck('com.example.other');
    await usage.flush();
    expect(written.minutes).toEqual([]);
    clock.advance(30_000);
    usage.countCheck(appId);
    await usage.flush();
    const minuteMs = Date.UTC(2026, 0, 15, 12);
    expect(written.minutes).toEqual([
      { appId, minuteMs, checks: 3 },
      { appId: 'com.example.other', minuteMs, checks: 1 },
    ]);
    await usage.flushAll();
    usage.countCheck(appId);
    await usage.flushAll();
    expect(written.minutes.slice(2)).toEqual([
      { appId, minuteMs: minuteMs + 60_000, checks: 1 },
      { appId, minuteMs: minuteMs + 60_000, checks: 1 },
    ]);
  });

  it('is kept while the store is down, and written when it is back', async () => {
    const { usage, written, setDown } = createHarness();
    usage.countCheck(appId);
    usage.countBytes(key, 100, 'served');
    setDown(true);
    await expect(usage.flushAll()).rejects.toThrow('away');
    usage.countBytes(key, 5, 'served');
    usage.countCheck(appId);
    setDown(false);
    await usage.flushAll();
    expect(written.minutes.map(({ checks }) => checks)).toEqual([2]);
    expect(written.bytes.map(({ increment }) => increment.amount)).toEqual([105]);
  });

  it('forgets minutes that nobody looks at any more when the store stays down', async () => {
    const { usage, clock, written, setDown } = createHarness();
    usage.countCheck(appId);
    clock.advance(25 * 60 * 60 * 1000);
    setDown(true);
    await expect(usage.flushAll()).rejects.toThrow('away');
    setDown(false);
    await usage.flushAll();
    expect(written.minutes).toEqual([]);
  });

  it('counts nothing for what is no object of a registered app', async () => {
    const { usage, written } = createHarness();
    usage.countBytes('apps/com.example.other/bundles/a.zip', 100, 'served');
    usage.countBytes('elsewhere/a.zip', 100, 'served');
    usage.countBytes(key, 0, 'served');
    await usage.flushAll();
    expect(written.bytes).toEqual([]);
  });
});

describe('usage of a server', () => {
  const clock = createFakeClock(Date.UTC(2026, 0, 15, 12));
  let server: TestServer;
  let url: string;
  let size: number;
  beforeAll(async () => {
    server = await startTestServer({ clock });
    const response = await fetch(`${server.managementUrl}/api/v1/bundles.upload`, {
      ...{ method: 'POST', headers: { 'x-api-key': testToken } },
      body: bundleForm({ app_id: appId, version_name: '1.0.1' }),
    });
    const { bundle } = (await response.json()) as { bundle: { public_download_url: string; size: number } };
    url = bundle.public_download_url;
    size = bundle.size;
  });
  afterAll(() => server.close());

  async function bandwidth(): Promise<[name: string, bytes: number][]> {
    await server.product.jobs.find(({ name }) => name === 'record-usage')?.run();
    const rows = await server.product.store.readStatistics({
      ...{ appIds: [appId], metrics: ['bandwidth'] },
      ...{ fromDate: '2026-01-15', toDate: '2026-01-15' },
    });
    return rows.map(({ name, amount }) => [name, amount]);
  }

  it('has the bytes that really went to devices', async () => {
    const whole = await fetch(url);
    expect((await whole.arrayBuffer()).byteLength).toBe(size);
    const part = await fetch(url, { headers: { range: 'bytes=10-19' } });
    expect((await part.arrayBuffer()).byteLength).toBe(10);
    await (await fetch(url, { headers: { 'if-none-match': whole.headers.get('etag') ?? '' } })).text();
    await (await fetch(url, { headers: { range: `bytes=${size}-` } })).text();
    await (await fetch(`${url}x`)).text();
    await fetch(url, { method: 'HEAD' });
    expect(await bandwidth()).toEqual([['served', size + 10]]);
  });

  it('has what lies in storage: the zip, and the files of its manifest', async () => {
    const stored = async () => {
      const range = 'from=2026-01-15&to=2026-01-16';
      const answer = await fetch(`${server.managementUrl}/statistics/app/${appId}?${range}`, {
        headers: { 'x-api-key': testToken },
      });
      return ((await answer.json()) as { storage: number }[]).map(({ storage }) => storage);
    };
    expect(await stored()).toEqual([size]);
    await server.product.jobs.find(({ name }) => name === 'manifests')?.run();
    const { store } = server.product;
    const [bundle] = (await store.listBundles({ appId }, { limit: 1 })).items;
    const manifest = await store.readManifest(bundle?.id ?? '');
    const files = manifest ? entriesOf(manifest) : [];
    expect(files).not.toEqual([]);
    expect(await stored()).toEqual([files.reduce((sum, { sizeBytes }) => sum + sizeBytes, size)]);
  });

  it('has the update checks of each minute, and forgets them after a day', async () => {
    const check = () =>
      fetch(`${server.userUrl}/updates`, {
        ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
        body: JSON.stringify(buildUpdateCheckBody({ app_id: appId })),
      });
    await check();
    await check();
    clock.advance(60_000);
    await check();
    await server.product.jobs.find(({ name }) => name === 'record-usage')?.run();
    const { store } = server.product;
    const minutes = () => store.readCheckMinutes(appId, 0, clock.now());
    expect((await minutes()).map(({ checks }) => checks)).toEqual([2]);
    await deleteOldMinutes({ store, clock });
    expect(await minutes()).toHaveLength(1);
    clock.advance(25 * 60 * 60 * 1000);
    await server.product.jobs.find(({ name }) => name === 'old-minutes')?.run();
    expect(await minutes()).toEqual([]);
  });
});
