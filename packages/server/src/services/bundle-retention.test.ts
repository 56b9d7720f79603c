import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadAppSnapshots } from '../persistence/app-snapshots.ts';
import { buildActor, buildRelease } from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';
import { deleteOldBundles } from './bundle-retention.ts';

const clock = createFakeClock();
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ clock });
});
afterAll(() => server.close());

let appCount = 0;
let appId: string;
beforeEach(() => {
  appCount += 1;
  appId = `com.example.retention${appCount}`;
});

const zip = buildZip({ 'index.html': '<!doctype html>' });
async function upload(versionName: string): Promise<string> {
  async function* bytes() {
    yield zip;
  }
  const staged = await server.product.services.bundles.stage(bytes());
  const empty = {
    description: '',
    sessionKey: '',
    checksum: '',
    keyId: '',
    minUpdateVersion: '',
    link: '',
    comment: '',
  };
  const { id } = await staged.create({ appId, versionName, ...empty }, buildActor());
  await staged.discard();
  clock.advance(1_000);
  return id;
}
async function run(): Promise<number> {
  const { store, services } = server.product;
  const appSnapshots = await loadAppSnapshots(store);
  return deleteOldBundles({ store, bundles: services.bundles, appSnapshots, clock });
}
async function left(): Promise<string[]> {
  const { items } = await server.product.services.bundles.list({ appId }, { limit: 100 });
  return items.map(({ versionName }) => versionName).toSorted();
}
const setRetention = (retentionSeconds: number | null) =>
  server.product.services.apps.change(appId, { retentionSeconds }, buildActor());
const daySeconds = 86_400;

describe('bundles that nothing uses', () => {
  it('go when they are as old as their app keeps them, from store and storage, and not before', async () => {
    await upload('1.0.0');
    await upload('1.0.1');
    await setRetention(30 * daySeconds);
    clock.advance((30 * daySeconds - 2) * 1_000 - 1);
    expect(await run()).toBe(0);
    clock.advance(1);
    expect(await run()).toBe(1);
    expect(await left()).toStrictEqual(['1.0.1']);
    const paths = await readdir(join(server.dataDir, 'storage'), { recursive: true });
    expect(paths.filter((path) => path.includes(appId) && path.endsWith('.zip'))).toHaveLength(1);
    clock.advance(1_000);
    expect(await run()).toBe(1);
    expect(await server.product.store.isVersionNameTaken(appId, '1.0.0')).toBe(true);
  });

  it('stay for ever in an app that says nothing, or two years and more', async () => {
    await upload('1.0.0');
    clock.advance(10 * 365 * daySeconds * 1_000);
    for (const retention of [null, 63_113_904, 63_113_905]) {
      await setRetention(retention);
      expect(await run()).toBe(0);
    }
    expect(await left()).toStrictEqual(['1.0.0']);
    await setRetention(63_113_903);
    expect(await run()).toBe(1);
  });

  it('go at once with 0, once whoever uploads has had time to use them', async () => {
    await upload('1.0.0');
    await setRetention(0);
    expect(await run()).toBe(0);
    clock.advance(60_000);
    expect(await run()).toBe(1);
  });
});

describe('bundles that something uses, or would go back to', () => {
  it('stay: of channels, rollouts and releases, and what a rollback leads to', async () => {
    const { channels, releases } = server.product.services;
    const ids: string[] = [];
    for (let patch = 0; patch < 10; patch += 1) ids.push(await upload(`1.0.${patch}`));
    const idOf = (patch: number) => ids[patch] ?? '';
    const channel = await channels.create({ appId, name: 'production' }, buildActor('tester'));
    for (const patch of [0, 1, 2]) await channels.setBundle(channel.id, idOf(patch), buildActor('tester'));
    await channels.changeRollout(channel.id, { bundleId: idOf(3) }, buildActor('tester'));
    const release = await releases.create(buildRelease({ appId, builtinBundleId: idOf(4) }), buildActor());
    for (const patch of [5, 6, 7])
      await releases.setActiveBundle(release.id, idOf(patch), buildActor('tester'));
    await setRetention(daySeconds);
    clock.advance(400 * daySeconds * 1_000);
    expect(await run()).toBe(4);
    expect(await left()).toStrictEqual(['1.0.1', '1.0.2', '1.0.3', '1.0.4', '1.0.6', '1.0.7']);
    expect(await run()).toBe(0);
    await channels.cancelRollout(channel.id, buildActor('tester'));
    await channels.rollback(channel.id, buildActor('tester'));
    expect((await channels.get(channel.id)).bundleId).toBe(idOf(1));
    // An app that keeps nothing keeps nothing to go back to either.
    await setRetention(0);
    expect(await run()).toBe(3);
    expect(await left()).toStrictEqual(['1.0.1', '1.0.4', '1.0.7']);
  });
});
