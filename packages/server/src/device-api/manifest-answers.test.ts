import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { packManifest } from '../domain/manifest.ts';
import { buildEntry, buildFile } from '../testing/builders.ts';
import { createManifestAnswers } from './manifest-answers.ts';

const manifest = packManifest(
  'f'.repeat(24),
  Array.from({ length: 3_000 }, () => buildEntry(buildFile())),
);
const downloadUrl = (key: string) => `https://updates.example.com/${key}`;
const head = JSON.stringify({ version: '1.0.0', url: 'https://updates.example.com/a.zip' });
const wanted = { head, manifest, downloadUrl };

describe('answers with a manifest', () => {
  it('are built once: asked for again, they are there at once', async () => {
    const answers = createManifestAnswers();
    const first = answers.get({ ...wanted, encoding: 'gzip' });
    expect(first).toBeInstanceOf(Promise);
    // Who asks while it is built waits for the same one.
    expect(answers.get({ ...wanted, encoding: 'gzip' })).toBe(first);
    const built = await first;
    expect(answers.get({ ...wanted, encoding: 'gzip' })).toBe(built);
    const answer = JSON.parse(gunzipSync(built.payload).toString()) as {
      version: string;
      manifest: unknown[];
    };
    expect(answer.version).toBe('1.0.0');
    expect(answer.manifest).toHaveLength(3_000);
    expect(answers.heldBytes).toBe(built.length);
  });

  it('are told apart by what they begin with, by the bundle and by the encoding', async () => {
    const answers = createManifestAnswers();
    const other = JSON.stringify({ version: '1.0.0', url: 'https://elsewhere.example.com/a.zip' });
    const built = await Promise.all([
      answers.get({ ...wanted, encoding: 'identity' }),
      answers.get({ ...wanted, encoding: 'br' }),
      answers.get({ ...wanted, head: other, encoding: 'identity' }),
      answers.get({ ...wanted, manifest: { ...manifest, bundleId: 'e' }, encoding: 'identity' }),
    ]);
    expect(new Set(built).size).toBe(4);
    expect(built[2]?.payload.toString()).toContain('elsewhere.example.com');
  });

  it('are forgotten when they are too many, the one that was not asked for the longest first', async () => {
    const heads = [1, 2, 3].map((each) => JSON.stringify({ version: `1.0.${each}` }));
    const [one, two, three] = heads as [string, string, string];
    const probe = await createManifestAnswers().get({ ...wanted, head: one, encoding: 'identity' });
    const answers = createManifestAnswers({ maxHeldBytes: 2.5 * probe.length });
    const get = (each: string) => answers.get({ ...wanted, head: each, encoding: 'identity' });
    await get(one);
    await get(two);
    await get(one);
    await get(three);
    expect(get(one)).not.toBeInstanceOf(Promise);
    expect(get(three)).not.toBeInstanceOf(Promise);
    expect(answers.heldBytes).toBeLessThanOrEqual(2.5 * probe.length);
    const again = get(two);
    expect(again).toBeInstanceOf(Promise);
    await again;
  });

  it('larger than all that is kept are still answered', async () => {
    const answers = createManifestAnswers({ maxHeldBytes: 10 });
    expect((await answers.get({ ...wanted, encoding: 'identity' })).length).toBeGreaterThan(100_000);
  });

  it('leave others their turn while they are built', async () => {
    const large = packManifest(
      'd'.repeat(24),
      Array.from({ length: 10_000 }, () => buildEntry(buildFile())),
    );
    let turns = 0;
    let isBuilt = false;
    const built = Promise.resolve(
      createManifestAnswers().get({ ...wanted, manifest: large, encoding: 'identity' }),
    ).then(() => {
      isBuilt = true;
    });
    while (!isBuilt) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    await built;
    expect(turns).toBeGreaterThanOrEqual(19);
  });

  it('that could not be built are built anew when they are asked for again', async () => {
    const answers = createManifestAnswers();
    const broken = { ...manifest, parts: [new Uint8Array([0x7b])] };
    await expect(answers.get({ ...wanted, manifest: broken, encoding: 'identity' })).rejects.toThrow();
    expect((await answers.get({ ...wanted, encoding: 'identity' })).length).toBeGreaterThan(0);
  });
});
