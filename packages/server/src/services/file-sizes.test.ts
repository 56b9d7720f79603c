import { beforeEach, describe, expect, it } from 'vitest';
import { appSettingDefaults, buildAppSnapshot } from '../domain/app.ts';
import type { Bundle } from '../domain/bundle.ts';
import { packManifest, type StoredFile } from '../domain/manifest.ts';
import type { FindFileSizes } from '../ports/file-sizes.ts';
import { buildBundle, buildEntry, buildFile, someAppId } from '../testing/builders.ts';
import { createFindFileSizes } from './file-sizes.ts';

const ready: Pick<Bundle, 'manifest'> = { manifest: { state: 'ready', reason: null } };
const served = buildBundle({ ...ready, versionName: '1.0.1' });
const older = buildBundle({ ...ready, versionName: '1.0.0' });
const pending = buildBundle({ versionName: '1.0.2', manifest: { state: 'pending', reason: null } });
const [shared, onlyServed, onlyOlder] = [
  buildFile({ sizeBytes: 10 }),
  buildFile({ sizeBytes: 0 }),
  buildFile({ sizeBytes: 30 }),
] as [StoredFile, StoredFile, StoredFile];
const contents = new Map<string, readonly StoredFile[]>([
  [served.id, [shared, onlyServed]],
  [older.id, [shared, onlyOlder]],
]);

/** What was asked of the store. */
let asked: string[];
let findFileSizes: FindFileSizes;
beforeEach(() => {
  asked = [];
  const manifestOf = (id: string) => {
    const files = contents.get(id);
    return (
      files &&
      packManifest(
        id,
        files.map((file) => buildEntry(file)),
      )
    );
  };
  const held = manifestOf(served.id);
  const app = buildAppSnapshot(
    {
      appId: someAppId,
      settings: appSettingDefaults,
      releases: [],
      channels: [],
      bundles: [served, older, pending],
    },
    new Map(held ? [[served.id, held]] : []),
  );
  findFileSizes = createFindFileSizes({
    appSnapshots: { find: (appId) => (appId === someAppId ? app : undefined) },
    store: {
      async readManifest(id) {
        asked.push(id);
        return manifestOf(id);
      },
      async findUsedFiles(_appId, names) {
        asked.push(`${names.length} names`);
        return [shared, onlyServed, onlyOlder].filter(({ name }) => names.includes(name));
      },
    },
  });
});

const sizesOf = (entries: Parameters<FindFileSizes>[0]['entries'], appId = someAppId) =>
  findFileSizes({ appId, entries });

describe('the sizes of files', () => {
  it('are those of the bundle that the id names, else of the one the version names', async () => {
    expect(
      await sizesOf([
        { hash: shared.name, bundleId: served.id },
        { hash: onlyServed.name, versionName: '1.0.1' },
        { hash: onlyOlder.name, bundleId: older.id, versionName: '1.0.1' },
        { hash: onlyOlder.name, bundleId: '123', versionName: '1.0.0' },
      ]),
    ).toEqual([10, 0, 30, 30]);
  });

  it('of a bundle that is served are found without the store, of another one with one question, once', async () => {
    await sizesOf([{ hash: shared.name, versionName: '1.0.1' }]);
    expect(asked).toEqual([]);
    for (let each = 0; each < 3; each += 1) await sizesOf([{ hash: shared.name, versionName: '1.0.0' }]);
    expect(asked).toEqual([older.id]);
  });

  it('are unknown of a file that the bundle does not have, and of a bundle without a manifest', async () => {
    expect(
      await sizesOf([
        { hash: onlyOlder.name, versionName: '1.0.1' },
        { hash: onlyOlder.name, versionName: '1.0.2' },
        { hash: onlyOlder.name, versionName: '9.9.9' },
        { hash: 'f'.repeat(64), versionName: '1.0.1' },
      ]),
    ).toEqual([undefined, undefined, undefined, undefined]);
  });

  it('are the largest that another entry found, where the named bundle has no such file', async () => {
    expect(
      await sizesOf([
        { hash: onlyOlder.name, versionName: '1.0.1' },
        { hash: onlyOlder.name, versionName: '1.0.0' },
      ]),
    ).toEqual([30, 30]);
  });

  it('are those of any bundle when none is named', async () => {
    expect(await sizesOf([{ hash: shared.name }, { hash: onlyServed.name }, { hash: 'none' }])).toEqual([
      10,
      0,
      undefined,
    ]);
    expect(asked).toEqual(['2 names']);
  });

  it('are unknown of an app nobody knows, and of texts that nothing can be called', async () => {
    expect(await sizesOf([{ hash: shared.name }], 'com.example.nobody')).toEqual([undefined]);
    for (const hash of ['\0', '\ud800', 'x'.repeat(1_000_000), '']) {
      expect(await sizesOf([{ hash }, { hash, versionName: hash, bundleId: hash }])).toEqual([
        undefined,
        undefined,
      ]);
    }
    expect(asked).toEqual([]);
  });

  it('of ten thousand files take few questions, whatever bundles they name', async () => {
    const entries = Array.from({ length: 10_000 }, (_, at) => ({
      hash: at.toString(16).padStart(64, '0'),
      ...(at % 2 === 0 ? { versionName: at % 4 === 0 ? '1.0.0' : `9.9.${at}` } : {}),
    }));
    expect(await sizesOf(entries)).toHaveLength(10_000);
    expect(asked).toEqual([older.id, '5000 names']);
  });
});
