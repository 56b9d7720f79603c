/**
 * `npm run check:budget`: what a browser fetches of scripts before the first page can be used, compressed as most
 * proxies do, may not grow past what a phone in the field takes.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

interface Chunk {
  readonly file: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
}

const maxFirstLoadBytes = 250_000;
const dist = join(import.meta.dirname, 'dist');
const manifest = JSON.parse(await readFile(join(dist, 'manifest.json'), 'utf8')) as Record<string, Chunk>;

/** The files of a chunk with all that it imports without being asked. */
function filesOf(name: string, seen = new Set<string>()): Set<string> {
  const chunk = manifest[name];
  if (!chunk || seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const imported of chunk.imports ?? []) filesOf(imported, seen);
  return seen;
}

async function gzippedBytes(files: Iterable<string>): Promise<number> {
  let bytes = 0;
  for (const file of files) bytes += gzipSync(await readFile(join(dist, file)), { level: 9 }).length;
  return bytes;
}

const entry = Object.keys(manifest).find((name) => manifest[name]?.isEntry);
if (entry === undefined) throw new Error('The console is not built: npm run build:console');
const bytes = await gzippedBytes(filesOf(entry));
const shown = `${Math.round(bytes / 1_000)} of ${maxFirstLoadBytes / 1_000} kB gzip of script at the first load`;
if (bytes > maxFirstLoadBytes) {
  process.stderr.write(`The console is too large: ${shown}\n`);
  process.exitCode = 1;
} else process.stdout.write(`console: ${shown}\n`);
