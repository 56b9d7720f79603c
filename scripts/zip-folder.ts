/** `npm run zip -- <folder> <file.zip>`: a bundle of everything below a folder. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { zipFiles } from './zip.ts';

const [folder, target] = process.argv.slice(2);
if (!folder || !target) {
  console.error('Usage: npm run zip -- <folder> <file.zip>');
  process.exit(1);
}

const files: Record<string, Buffer> = {};
for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const path = join(entry.parentPath, entry.name);
  files[relative(folder, path).split(sep).join('/')] = await readFile(path);
}
await writeFile(target, await zipFiles(files));
console.log(`${target}: ${Object.keys(files).length} files`);
