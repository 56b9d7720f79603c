import { Zip, ZipDeflate } from 'fflate';

/** A file of a dropped or chosen folder, by its path with `/`. */
export interface FolderFile {
  readonly path: string;
  readonly file: Blob;
}

/** What operating systems leave in folders; no app wants it on phones. */
const litter = /(^|\/)(\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX(\/.*)?|\._[^/]*)$/;

/** Why a folder is no web app, for people. */
export class NotAWebFolder extends Error {}

/** The path a browser gives a file: `./www/index.html` and `/www/index.html` when dropped, `www/index.html` when chosen. */
export function folderPath(file: File & { readonly path?: string; readonly relativePath?: string }): string {
  const given = file.webkitRelativePath || file.relativePath || file.path || file.name;
  return given.replace(/^(\.?\/)+/, '');
}

/**
 * The files as they belong into the bundle: relative to the folder with `index.html`, which is the one that was dropped
 * or the only one in it. Throws `NotAWebFolder` when there is none.
 */
export function webFiles(files: readonly FolderFile[]): readonly FolderFile[] {
  const wanted = files.filter(({ path }) => !litter.test(path));
  if (wanted.length === 0) throw new NotAWebFolder('The folder is empty.');
  let prefix = '';
  for (;;) {
    if (wanted.some(({ path }) => path === `${prefix}index.html`)) break;
    const next = wanted[0]?.path.slice(prefix.length).split('/') ?? [];
    const deeper = `${prefix}${next[0]}/`;
    // One level and only while everything is below it: a guess further down could pick the wrong index.html.
    if (next.length < 2 || !wanted.every(({ path }) => path.startsWith(deeper))) {
      throw new NotAWebFolder(
        'The folder has no index.html. Choose the folder that your build writes, often www, dist or build.',
      );
    }
    prefix = deeper;
  }
  return wanted
    .map(({ path, file }) => ({ path: path.slice(prefix.length), file }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * The zip of a web app's files, made here in the browser.
 *
 * @param onProgress told the share of bytes that are packed, 0 to 1
 */
export async function zipFiles(
  files: readonly FolderFile[],
  onProgress: (share: number) => void = () => undefined,
): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  const finished = Promise.withResolvers<void>();
  const zip = new Zip((error, chunk, isLast) => {
    if (error) finished.reject(error);
    else chunks.push(chunk as Uint8Array<ArrayBuffer>);
    if (isLast) finished.resolve();
  });
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  let packed = 0;
  for (const { path, file } of files) {
    const entry = new ZipDeflate(path, { level: 6 });
    zip.add(entry);
    entry.push(new Uint8Array(await file.arrayBuffer()), true);
    packed += file.size;
    onProgress(total === 0 ? 1 : packed / total);
  }
  zip.end();
  await finished.promise;
  return new Blob(chunks, { type: 'application/zip' });
}

/** The version a file's or folder's name tells: `com.example.app_1.2.3.zip` is of 1.2.3. */
export function versionIn(name: string): string | undefined {
  const bare = name.replace(/\.zip$/i, '');
  return /(?:^|[^\d.])v?(\d+\.\d+\.\d+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)$/.exec(bare)?.[1];
}
