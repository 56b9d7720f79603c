import { createHash } from 'node:crypto';
import type { WebFiles } from './web-app.ts';

/** Bytes that look random and are the same in every run. */
function noise(name: string, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let block = 0; block * 32 < length; block += 1) {
    blocks.push(createHash('sha256').update(`${name} ${block}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** Names that clients and servers have stumbled over. */
const oddNames = [
  'assets/größe 2x.svg',
  'assets/img@2x.png',
  'assets/100%.txt',
  'assets/100%25.txt',
  'assets/a%2Fb.txt',
  'assets/plus+and&equals=?question#hash.txt',
  'assets/文件/日本語/한국어.json',
  'assets/👩‍👧/emoji 🎉.txt',
  'assets/e\u0301 decomposed.txt',
  "assets/quo'te (1) [2] {3}.txt",
  'assets/.hidden/.file',
  'assets/no-extension',
  'assets/br.txt',
  'assets/brotli.br.txt',
  'a/very/deep/folder/of/many/levels/down/to/the/last/one/file.txt',
];

/**
 * A web app of so many files, at least 50: scripts worth compressing, pictures that are not, empty ones, and names of all
 * kinds. From one version to the next five of them are others, one is new and one is gone.
 */
export function largeWebAppOf(version: number, fileCount: number): WebFiles {
  const files: Record<string, Buffer> = {
    'index.html': Buffer.from(`<!doctype html><title>${version}</title>\n`),
    'assets/app.js': Buffer.from(`CapacitorUpdater.notifyAppReady(); // ${version}\n`.repeat(500)),
    [`assets/only-in-${version}.txt`]: Buffer.from(`${version}`),
    'assets/empty.css': Buffer.alloc(0),
    'assets/other/empty.js': Buffer.alloc(0),
  };
  for (const name of oddNames) files[name] = Buffer.from(`${name}\n`);
  for (let index = 0; Object.keys(files).length < fileCount; index += 1) {
    const changes = index < 3 ? ` ${version}` : '';
    files[`chunks/${index % 7}/chunk ${index}.js`] =
      index % 5 === 0
        ? noise(`${index}${changes}`, 9_000 + index)
        : Buffer.from(`export const n${index} = ${index};${changes}\n`.repeat(20 + (index % 3) * 300));
  }
  return files;
}
