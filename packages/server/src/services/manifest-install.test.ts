import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { usersOf } from '../testing/manifest-server.ts';
import { createPhone, type WebFiles } from '../testing/phone.ts';
import { startTestServer, type TestServer } from '../testing/test-server.ts';
import { buildZip } from '../testing/zip-builder.ts';

let server: TestServer;
let users: ReturnType<typeof usersOf>;
beforeAll(async () => {
  server = await startTestServer();
  users = usersOf(server);
});
afterAll(() => server.close());

/** Names that have made trouble somewhere: blanks, percent signs, other scripts, whole characters of several units. */
const segment = fc
  .oneof(
    fc.constantFrom(
      'a',
      'b',
      'index.html',
      'a b',
      'img@2x.png',
      '100%',
      '%25',
      'a%2Fb',
      'größe',
      '文件',
      '👩‍👧',
    ),
    fc.constantFrom('x.br.js', '...', '.hidden', '__MACOSX', "it's", 'a+b&c=d?e#f', '-', '~', 'e\u0301'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
  )
  .filter((name) => !/[/\\\p{Cc}]/u.test(name) && !/^\.{1,2}$/.test(name) && !/^[A-Za-z]:/.test(name))
  .filter((name) => !name.endsWith('.br') && name.isWellFormed());
const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'));
const content = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  fc.string({ maxLength: 40 }).map((text) => Buffer.from(text)),
  // Worth compressing, on either side of the line.
  fc.integer({ min: 8_180, max: 8_205 }).map((length) => Buffer.alloc(length, 'ab')),
  fc.uint8Array({ minLength: 8_192, maxLength: 9_000 }).map((bytes) => Buffer.from(bytes)),
);

/** Whether the names can be files and folders of one tree, on every platform. */
function isOneTree(paths: readonly string[]): boolean {
  const seen = new Set(paths.map((each) => each.normalize('NFC').toLowerCase()));
  return (
    seen.size === paths.length && !paths.some((each) => paths.some((other) => other.startsWith(`${each}/`)))
  );
}

const tree = fc
  .array(fc.tuple(path, content), { maxLength: 12 })
  .map((files) => new Map<string, Buffer>([...files, ['index.html', Buffer.from('<!doctype html>')]]))
  .filter((files) => isOneTree([...files.keys()]));

let lastApp = 0;

describe('a bundle put together from its manifest', () => {
  it('is the bundle unpacked from its zip, for any files, on either platform, from nothing or from an older bundle', async () => {
    const runs = fc.record({
      files: tree,
      older: tree,
      root: fc.constantFrom('', 'www/', 'a b%/'),
      platform: fc.constantFrom('android' as const, 'ios' as const),
      cutAfterBytes: fc.constantFrom(1, 100, 8_190, Number.POSITIVE_INFINITY),
    });
    await fc.assert(
      fc.asyncProperty(runs, async ({ files, older, root, platform, cutAfterBytes }) => {
        lastApp += 1;
        const appId = `com.example.install${lastApp}`;
        const folder = await mkdtemp(join(tmpdir(), 'capgo-phone-'));
        try {
          const zipOf = (given: WebFiles) =>
            buildZip(Object.fromEntries([...given].map(([name, bytes]) => [`${root}${name}`, bytes])));
          const first = await users.upload(appId, '1.0.1', zipOf(older));
          const second = await users.upload(appId, '1.0.2', zipOf(files));
          await users.buildManifests();
          const phone = createPhone({ platform, folder, builtin: older, cutAfterBytes });

          for (const [bundle, wanted] of [
            [first, older],
            [second, files],
          ] as const) {
            await users.serve(appId, bundle.id);
            const { answer } = await users.check(appId);
            const byManifest = await phone.installManifest(answer);
            const byZip = await phone.installZip(answer);
            expect(byManifest.files).toEqual(wanted);
            expect(byManifest.files).toEqual(byZip.files);
          }
          // What it has now it never downloads again.
          const { answer } = await users.check(appId);
          expect((await phone.installManifest(answer)).fetched.requests).toBe(0);
        } finally {
          await rm(folder, { recursive: true });
        }
      }),
      { numRuns: 25 },
    );
  }, 120_000);
});
