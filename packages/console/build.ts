/**
 * Builds the console into `dist/`: `npm run build:console`. With `--if-needed`, as `npm start` runs it, only when there
 * is none yet or its sources are others than those it was built from.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const folder = import.meta.dirname;
const repository = resolve(folder, '../..');
const dist = join(folder, 'dist');
const fingerprintFile = 'sources.sha256';
/** Everything that decides what is built; what a fresh checkout has not (an image's build stage) counts as absent. */
const sources = ['index.html', 'package.json', 'vite.config.ts', 'build.ts', 'public', 'src']
  .map((path) => join(folder, path))
  .concat(join(repository, 'packages/protocol/src'), join(repository, 'package-lock.json'));
/** Smaller files are not worth a second round of headers. */
const minCompressedBytes = 1_024;

async function filesBelow(path: string): Promise<string[]> {
  const facts = await stat(path).catch(() => undefined);
  if (!facts) return [];
  if (!facts.isDirectory()) return [path];
  const names = await readdir(path, { recursive: true, withFileTypes: true });
  return names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  const files = (await Promise.all(sources.map(filesBelow)))
    .flat()
    .filter((path) => !/\.test\.tsx?$/.test(path));
  for (const path of files.sort()) {
    hash.update(`${relative(repository, path)}\0`).update(await readFile(path));
  }
  return hash.digest('hex');
}

/** Beside each file, so that the server compresses nothing itself. */
async function precompress(into: string): Promise<void> {
  for (const path of await filesBelow(join(into, 'assets'))) {
    if (!/\.(js|css|svg|json)$/.test(path)) continue;
    const bytes = await readFile(path);
    if (bytes.length < minCompressedBytes) continue;
    await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }));
    const params = {
      [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
      [constants.BROTLI_PARAM_QUALITY]: 10,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    };
    await writeFile(`${path}.br`, brotliCompressSync(bytes, { params }));
  }
}

async function buildConsole(sourcesAre: string): Promise<void> {
  // Whoever starts us may be a test: its React would be the slow one, with twice the bytes.
  process.env['NODE_ENV'] = 'production';
  // Loaded here: a start that finds the console built must not wait for a bundler.
  const { build } = await import('vite');
  // Beside it and then renamed, so that nobody ever serves half a console.
  const work = join(folder, `dist-${process.pid}`);
  try {
    await build({
      root: folder,
      configFile: join(folder, 'vite.config.ts'),
      logLevel: 'warn',
      build: { outDir: work },
    });
    await precompress(work);
    await writeFile(join(work, fingerprintFile), sourcesAre);
    await rm(dist, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await rename(work, dist);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const { values } = parseArgs({ options: { 'if-needed': { type: 'boolean', default: false } } });
const current = await fingerprint();
const built = await readFile(join(dist, fingerprintFile), 'utf8').catch(() => undefined);
if (!values['if-needed'] || built !== current) {
  const startedAt = performance.now();
  process.stdout.write(
    values['if-needed']
      ? `The console ${built === undefined ? 'is not built yet' : 'has changed'}; building it (a few seconds)…\n`
      : 'Building the console…\n',
  );
  try {
    await buildConsole(current);
    process.stdout.write(`Console built in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.\n`);
  } catch (error) {
    process.stderr.write(
      `The console could not be built: ${error instanceof Error ? error.message : error}\n`,
    );
    if (!values['if-needed']) process.exitCode = 1;
    // The server works without it, and /ui says what is missing.
    else
      process.stderr.write('The server starts without it. `npm ci` and `npm run build:console` bring it.\n');
  }
}
