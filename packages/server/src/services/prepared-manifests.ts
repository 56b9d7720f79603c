import { createHash } from 'node:crypto';
import { AppError } from '../domain/errors.ts';
import {
  entriesOf,
  fileObjectKey,
  type Manifest,
  type ManifestEntry,
  maxManifestFiles,
  pathOf,
  preparedFileName,
  type StoredFile,
} from '../domain/manifest.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { ManifestStore } from '../ports/manifests.ts';
import type { ObjectStorage } from '../ports/object-storage.ts';
import type { PlannedDeletions } from '../ports/store.ts';

/** An entry of a manifest that a client prepared, as it names its parts; texts as they came, nothing checked yet. */
export interface PreparedEntry {
  readonly file_name: string;
  /** Where the file was uploaded to. */
  readonly s3_path: string;
  /** Of an encrypted bundle a text that only devices with its key can read. */
  readonly file_hash: string;
}

/** A file's bytes that have arrived whole. */
export interface StagedFile {
  /** Makes them the file of that path; of an app that has one there already nothing changes. */
  store(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * Manifests and files that a client prepared: it splits, compresses and encrypts a bundle itself, uploads the files to
 * paths of its choice, and then says which bundle they are of. Nothing of it is looked into.
 */
export interface PreparedManifests {
  /** Takes a file in; rejects with `invalid_request` for a path that is none, and with `app_not_found`. */
  stage(appId: string, path: string, source: AsyncIterable<Uint8Array>): Promise<StagedFile>;
  /** The file that was uploaded to a path, if it is there; one that no bundle has is there for a day. */
  find(appId: string, path: string): Promise<StoredFile | undefined>;
  /**
   * Gives a bundle the manifest. Rejects with `invalid_request`, naming the entry, with `bundle_not_found`, with
   * `not_found` when a file was not uploaded, and with `manifest_exists` when the bundle has another manifest; the same
   * one again is no error.
   */
  set(appId: string, versionName: string, entries: readonly PreparedEntry[]): Promise<void>;
}

const maxPathLength = 8_192;
const maxNameBytes = 1_024;
const maxHashLength = 1_024;
/** As long as a file waits for the bundle it is of. */
const storingGraceMs = 24 * 60 * 60 * 1000;

function invalid(message: string): AppError {
  return new AppError('invalid_request', message);
}

/** Whether a plugin of every platform puts the file inside the bundle (protocol §9). */
function isSafeName(name: string): boolean {
  if (name === '' || Buffer.byteLength(name) > maxNameBytes || !name.isWellFormed()) return false;
  if (/[\\\p{Cc}]/u.test(name) || /^[A-Za-z]:/.test(name)) return false;
  return name.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
}

function checkPath(path: string): void {
  if (path === '' || path.length > maxPathLength || /\p{Cc}/u.test(path) || !path.isWellFormed()) {
    throw invalid(`A file's path must be a text of 1 to ${maxPathLength} characters`);
  }
}

function checkEntries(entries: readonly PreparedEntry[]): void {
  if (entries.length === 0) throw invalid('manifest must have at least one entry');
  if (entries.length > maxManifestFiles) {
    throw invalid(`manifest must have at most ${maxManifestFiles} entries, not ${entries.length}`);
  }
  const paths = new Set<string>();
  for (const [index, { file_name, s3_path, file_hash }] of entries.entries()) {
    const where = `manifest[${index}]`;
    if (!isSafeName(file_name)) throw invalid(`${where}.file_name is not the path of a file in a bundle`);
    if (!/^[\x21-\x7e]+$/.test(file_hash) || file_hash.length > maxHashLength) {
      throw invalid(`${where}.file_hash must be a text of 1 to ${maxHashLength} letters and digits`);
    }
    checkPath(s3_path);
    // Android refuses a whole bundle in which two entries mean one file.
    const path = pathOf({ fileName: file_name });
    if (paths.has(path)) throw invalid(`${where}.file_name is there twice`);
    paths.add(path);
  }
  if (!paths.has('index.html')) throw invalid('manifest has no index.html, without which no app starts');
}

/** Hashes are compared to the letter, in lower case (protocol §3.3); what is no SHA-256 is not ours to change. */
function toHash(hash: string): string {
  return /^[0-9a-f]{64}$/i.test(hash) ? hash.toLowerCase() : hash;
}

/** Whether they name the same files under the same hashes. */
function isSame(manifest: Manifest, entries: readonly ManifestEntry[]): boolean {
  const textOf = ({ fileName, hash }: ManifestEntry) => `${fileName} ${hash}`;
  const there = new Set(entriesOf(manifest).map(textOf));
  return there.size === entries.length && entries.every((entry) => there.has(textOf(entry)));
}

export function createPreparedManifests(deps: {
  readonly store: ManifestStore & PlannedDeletions;
  readonly objectStorage: ObjectStorage;
  readonly appSnapshots: AppSnapshots;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly maxFileBytes: number;
}): PreparedManifests {
  const { store, objectStorage, appSnapshots, clock, ids, maxFileBytes } = deps;

  async function find(appId: string, path: string): Promise<StoredFile | undefined> {
    const [file] = await store.findFiles(appId, [preparedFileName(path)]);
    return file;
  }

  /** The entries with the files they mean. */
  async function toEntries(
    appId: string,
    prepared: readonly PreparedEntry[],
  ): Promise<readonly ManifestEntry[]> {
    const names = prepared.map(({ s3_path }) => preparedFileName(s3_path));
    const files = new Map((await store.findFiles(appId, names)).map((file) => [file.name, file]));
    return prepared.map(({ file_name, s3_path, file_hash }) => {
      const file = files.get(preparedFileName(s3_path));
      if (!file) throw new AppError('not_found', `The file of ${file_name} was not uploaded`);
      const { id, objectKey, sizeBytes } = file;
      return { fileName: file_name, hash: toHash(file_hash), fileId: id, objectKey, sizeBytes };
    });
  }

  return {
    async stage(appId, path, source) {
      checkPath(path);
      if (!appSnapshots.find(appId)) throw new AppError('app_not_found', `There is no app ${appId}`);
      const sha256 = createHash('sha256');
      let sizeBytes = 0;
      async function* measured(): AsyncGenerator<Uint8Array> {
        for await (const bytes of source) {
          sizeBytes += bytes.byteLength;
          if (sizeBytes > maxFileBytes) {
            throw new AppError('payload_too_large', `The file is larger than ${maxFileBytes} bytes`);
          }
          sha256.update(bytes);
          yield bytes;
        }
      }
      const staged = await objectStorage.stage(measured());
      return {
        async store() {
          const name = preparedFileName(path);
          if (await find(appId, path)) return;
          const id = ids.next();
          const objectKey = fileObjectKey(appId, sha256.digest('hex'), id);
          await store.planObjectDeletion(objectKey, clock.now() + storingGraceMs);
          await staged.store(objectKey);
          await store.addFiles([{ id, appId, name, objectKey, sizeBytes, isBrotli: false }], clock.now());
        },
        discard: () => staged.discard(),
      };
    },

    find,

    async set(appId, versionName, prepared) {
      checkEntries(prepared);
      const bundle = appSnapshots.find(appId)?.bundlesByName.get(versionName);
      if (!bundle) throw new AppError('bundle_not_found', `App ${appId} has no bundle ${versionName}`);
      const entries = await toEntries(appId, prepared);
      const outcome = await store.setManifest(bundle.id, entries);
      if (outcome.kind === 'files_missing') {
        throw new AppError('not_found', 'Files of the manifest were deleted meanwhile; upload them again');
      }
      if (outcome.kind === 'not_wanted') {
        const manifest = await store.readManifest(bundle.id);
        if (!manifest) throw new AppError('bundle_not_found', `App ${appId} has no bundle ${versionName}`);
        if (!isSame(manifest, entries)) {
          throw new AppError('manifest_exists', `Bundle ${versionName} has another manifest already`);
        }
      }
      await appSnapshots.refresh(appId);
    },
  };
}
