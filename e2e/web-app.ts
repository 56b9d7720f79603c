import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** The web files of a bundle by their path inside it. */
export type WebFiles = Readonly<Record<string, Buffer>>;

/** The page of the small web app below. */
export function pageOf(version: string): string {
  return `<!doctype html><title>${version}</title><script src="assets/app.js"></script>\n`;
}

/** A small web app that says its version; the CLI insists on `index.html` and on a call of `notifyAppReady`. */
export function webAppOf(version: string): WebFiles {
  return {
    'index.html': Buffer.from(pageOf(version)),
    'assets/app.js': Buffer.from(`CapacitorUpdater.notifyAppReady(); // ${version}\n`),
    'assets/größe 2x.svg': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>\n'),
    'assets/pixels.bin': Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 167) % 256)),
  };
}

export async function writeWebFiles(directory: string, files: WebFiles): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
}

export async function readWebFiles(directory: string): Promise<WebFiles> {
  const files: Record<string, Buffer> = {};
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[relative(directory, path)] = await readFile(path);
  }
  return files;
}
