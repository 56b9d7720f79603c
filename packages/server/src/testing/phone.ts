import { createHash } from 'node:crypto';
import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import AdmZip from 'adm-zip';

/*
 * What Android and iOS do with an update, written from the protocol's description of them (protocol §3.3, §3.8, §9) and
 * from nothing of the server's: it shares no code with what it checks.
 */

export type WebFiles = ReadonlyMap<string, Buffer>;

export interface PhoneUpdate {
  readonly url: string;
  readonly checksum: string;
  readonly manifest?: readonly {
    readonly file_name: string;
    readonly file_hash: string;
    readonly download_url: string;
  }[];
}

/** What an install fetched. */
export interface Fetched {
  readonly requests: number;
  readonly bytes: number;
  /** Requests that went on where an earlier one had been cut off. */
  readonly resumed: number;
}

export interface Phone {
  /** Puts the bundle together from the manifest; what is downloaded once is not downloaded again. */
  installManifest(update: PhoneUpdate): Promise<{ readonly files: WebFiles; readonly fetched: Fetched }>;
  /** Downloads and unpacks the zip. */
  installZip(update: PhoneUpdate): Promise<{ readonly files: WebFiles; readonly fetched: Fetched }>;
}

/** Phones download several files at the same time. */
const filesAtOnce = 8;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The size of a file; 0 when there is none. */
const sizeOf = (path: string) =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

export async function readTree(folder: string): Promise<WebFiles> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(relative(folder, path), await readFile(path));
  }
  return files;
}

function checkPath(path: string): void {
  const segments = path.split('/');
  if (path === '' || path.includes('\\') || path.includes('\0') || segments.some((each) => each === '..')) {
    throw new Error(`manifest_path_fail: ${path}`);
  }
  if (path.startsWith('/') || segments.some((each) => each === ''))
    throw new Error(`manifest_path_fail: ${path}`);
}

/** Where a file of a manifest lies in the bundle, and whether it comes compressed. */
function targetOf(fileName: string) {
  const isBrotli = fileName.endsWith('.br');
  return { isBrotli, target: isBrotli ? fileName.slice(0, -3) : fileName };
}

/** The single top folder of a zip without an index.html at its root, as both platforms take it for the bundle. */
function unnest(files: WebFiles): WebFiles {
  if (files.has('index.html')) return files;
  const roots = new Set([...files.keys()].map((path) => path.split('/')[0]));
  const [root] = roots;
  if (roots.size !== 1 || root === undefined) return files;
  return new Map([...files].map(([path, bytes]) => [path.slice(root.length + 1), bytes]));
}

/**
 * A phone with an app installed.
 *
 * @param folder empty; all that the phone keeps lies there
 * @param builtin the web files inside the native app
 * @param cutAfterBytes cuts a download off after so many bytes, each file's first time
 */
export function createPhone({
  platform,
  folder,
  builtin,
  cutAfterBytes = Number.POSITIVE_INFINITY,
}: {
  readonly platform: 'android' | 'ios';
  readonly folder: string;
  readonly builtin: WebFiles;
  readonly cutAfterBytes?: number;
}): Phone {
  const cache = join(folder, 'cache');
  const partials = join(folder, 'partials');
  let installs = 0;

  async function download(url: string, fetched: { requests: number; bytes: number; resumed: number }) {
    await mkdir(partials, { recursive: true });
    const partial = join(partials, sha256(Buffer.from(url)));
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const have = await sizeOf(partial);
      const headers: Record<string, string> = { 'accept-encoding': 'gzip' };
      if (have > 0) headers['range'] = `bytes=${have}-`;
      const response = await fetch(url, { headers });
      fetched.requests += 1;
      // A server that said so would have its file decoded twice.
      if (response.headers.has('content-encoding')) throw new Error(`${url} came with a Content-Encoding`);
      if (response.status === 416 && have > 0) return readFile(partial);
      if (response.status !== 200 && response.status !== 206) throw new Error(`${url}: ${response.status}`);
      if (response.status === 206) fetched.resumed += 1;
      else await writeFile(partial, '');
      let received = 0;
      let isCut = false;
      for await (const chunk of response.body ?? []) {
        const bytes = Buffer.from(chunk as Uint8Array);
        const room = attempt === 0 ? cutAfterBytes - received : bytes.length;
        const kept = bytes.subarray(0, Math.max(0, room));
        await appendFile(partial, kept);
        received += kept.length;
        fetched.bytes += kept.length;
        if (kept.length === bytes.length) continue;
        isCut = true;
        break;
      }
      if (!isCut) return readFile(partial);
    }
    throw new Error(`${url} was cut off again and again`);
  }

  async function findBuiltin(fileName: string, target: string, hash: string): Promise<Buffer | undefined> {
    // iOS looks for the name as it was given, so what comes compressed is never found.
    const bytes = builtin.get(platform === 'android' ? target : fileName);
    return bytes && sha256(bytes) === hash ? bytes : undefined;
  }

  const isRight = (bytes: Buffer, hash: string) =>
    platform === 'android' ? sha256(bytes) === hash.toLowerCase() : sha256(bytes) === hash;

  async function install(fill: (bundle: string) => Promise<void>): Promise<WebFiles> {
    installs += 1;
    const bundle = join(folder, 'bundles', String(installs));
    await mkdir(bundle, { recursive: true });
    await fill(bundle);
    const files = unnest(await readTree(bundle));
    if (!files.has('index.html')) throw new Error('set_fail: no index.html');
    return files;
  }

  return {
    async installManifest({ url, manifest }) {
      // Without a URL of the zip no plugin looks at the manifest (protocol §3.4).
      if (!URL.canParse(url)) throw new Error('no url');
      if (!manifest || manifest.length === 0) throw new Error('no manifest');
      const fetched = { requests: 0, bytes: 0, resumed: 0 };
      await mkdir(cache, { recursive: true });
      const targets = new Set<string>();
      type Entry = (typeof manifest)[number];
      async function installFile(
        bundle: string,
        { file_name, file_hash, download_url }: Entry,
      ): Promise<void> {
        const { isBrotli, target } = targetOf(file_name);
        const cached = join(cache, `${file_hash}_${basename(target)}`);
        let bytes =
          (await findBuiltin(file_name, target, file_hash)) ??
          (await readFile(cached).catch(() => undefined));
        if (!bytes || !isRight(bytes, file_hash)) {
          const payload = await download(download_url, fetched);
          bytes = isBrotli ? brotliDecompressSync(payload) : payload;
          if (!isRight(bytes, file_hash)) throw new Error(`download_manifest_checksum_fail: ${file_name}`);
          await writeFile(cached, bytes);
        }
        await mkdir(dirname(join(bundle, target)), { recursive: true });
        await writeFile(join(bundle, target), bytes);
      }

      for (const { file_name, file_hash, download_url } of manifest) {
        if (!file_name || !file_hash || !download_url) throw new Error('an entry is not complete');
        const { target } = targetOf(file_name);
        checkPath(target);
        if (platform === 'android' && targets.has(target)) throw new Error(`manifest_path_fail: ${target}`);
        targets.add(target);
      }
      const files = await install(async (bundle) => {
        const left = manifest.values();
        /** Of files with the same content one comes after the other: they share what is kept of a download. */
        const busy = new Map<string, Promise<void>>();
        const installInTurn = async () => {
          for (const entry of left) {
            const before = busy.get(entry.download_url) ?? Promise.resolve();
            const installed = before.then(() => installFile(bundle, entry));
            busy.set(entry.download_url, installed);
            await installed;
          }
        };
        await Promise.all(Array.from({ length: filesAtOnce }, installInTurn));
      });
      await rm(partials, { recursive: true, force: true });
      return { files, fetched };
    },

    async installZip({ url, checksum }) {
      const fetched = { requests: 0, bytes: 0, resumed: 0 };
      const zip = await download(url, fetched);
      if (sha256(zip) !== checksum) throw new Error('checksum_fail');
      const files = await install(async (bundle) => {
        for (const entry of new AdmZip(zip).getEntries()) {
          if (entry.isDirectory) continue;
          const path = join(bundle, entry.entryName);
          await mkdir(dirname(path), { recursive: true });
          await writeFile(path, entry.getData());
        }
      });
      await rm(partials, { recursive: true, force: true });
      return { files, fetched };
    },
  };
}
