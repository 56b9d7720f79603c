import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { build, type Plugin } from 'vite';
import type { WebFiles } from './web-app.ts';

const photoCount = 12;
const photoBytes = 80_000;

/** Bytes that no compression makes smaller, as those of a photo are; the same in every build. */
function photo(index: number): Buffer {
  const blocks: Buffer[] = [];
  for (let block = 0; block * 32 < photoBytes; block += 1) {
    blocks.push(createHash('sha256').update(`${index} ${block}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, photoBytes);
}

/** Changes the one line that differs between versions, and adds the photos, which do not. */
function versionOf(version: number): Plugin {
  return {
    name: 'version',
    transform(code, id) {
      if (!id.endsWith('/greeting.js')) return undefined;
      return { code: code.replace('version 1', `version ${version}`), map: null };
    },
    generateBundle() {
      for (let index = 1; index <= photoCount; index += 1) {
        const fileName = `photos/${String(index).padStart(2, '0')}.jpg`;
        this.emitFile({ type: 'asset', fileName, source: photo(index) });
      }
    },
  };
}

/** What `vite build` makes of the React app in `vite-app/`, with that number in the one line that differs. */
export async function buildViteApp(version: number): Promise<WebFiles> {
  const built = await build({
    root: join(import.meta.dirname, 'vite-app'),
    configFile: false,
    logLevel: 'error',
    base: './',
    oxc: { jsx: { runtime: 'automatic' } },
    plugins: [versionOf(version)],
    build: { write: false },
  });
  if (!('output' in built) && !Array.isArray(built)) throw new Error('vite watches instead of building');
  const files: Record<string, Buffer> = {};
  for (const { output } of [built].flat()) {
    for (const file of output) {
      files[file.fileName] = Buffer.from(file.type === 'chunk' ? file.code : file.source);
    }
  }
  return files;
}
