import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { formatCrc32 } from '@capgo-server/protocol/formats/checksum';
import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import { isVersionName } from '@capgo-server/protocol/formats/semver';
import type { Actor, ChangedBy } from '../domain/actor.ts';
import { type Bundle, bundleObjectKey } from '../domain/bundle.ts';
import { AppError } from '../domain/errors.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { BundleArchive } from '../ports/bundle-archive.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { ObjectStorage } from '../ports/object-storage.ts';
import type { Page, PageRequest } from '../ports/page.ts';
import type { BundleStore } from '../ports/store.ts';
import type { ObjectDeletions } from './object-deletions.ts';

export interface BundleLimits {
  readonly maxBundleBytes: number;
  readonly maxUnpackedBytes: number;
}

/** Most files and folders of a plain bundle. */
const maxBundleEntries = 20_000;

/** What an uploader says of a bundle; texts as they came, nothing checked yet. */
export interface BundleFacts {
  readonly appId: string;
  readonly versionName: string;
  readonly description: string;
  readonly sessionKey: string;
  /** '' when the uploader names none; then it is computed. */
  readonly checksum: string;
  readonly keyId: string;
  readonly minUpdateVersion: string;
  /** '' when there is none. */
  readonly link: string;
  /** '' when there is none. */
  readonly comment: string;
}

/** A bundle's bytes that have arrived whole and are not yet a bundle. */
export interface StagedBundle {
  /** Checks facts and bytes and makes them a bundle, visible to the next update check. */
  create(facts: BundleFacts, actor: Actor): Promise<Bundle>;
  /** To be called in any case at the end; leaves no file unless `create` succeeded. */
  discard(): Promise<void>;
}

export interface Bundles {
  /** Takes the bytes in; rejects with `payload_too_large` past the limit and with the source's error when cut. */
  stage(source: AsyncIterable<Uint8Array>): Promise<StagedBundle>;
  list(filter: { readonly appId?: string | undefined }, page: PageRequest): Promise<Page<Bundle>>;
  /** Rejects with `bundle_not_found` or `bundle_in_use`. */
  delete(id: string, actor: Actor): Promise<void>;
}

const limitsOfTexts = {
  ...{ description: 4_096, link: 2_048, comment: 2_048 },
  ...{ sessionKey: 1_024, checksum: 1_024, keyId: 20 },
} as const;

function invalid(message: string): AppError {
  return new AppError('invalid_request', message);
}

/** Stricter than a URL parser, which overlooks blanks, line ends and missing slashes: apps open the text as it is. */
function isWebUrl(text: string): boolean {
  return /^https?:\/\/[^\s\p{Cc}]+$/iu.test(text) && URL.canParse(text);
}

function checkFacts(facts: BundleFacts): void {
  if (!isAppId(facts.appId)) {
    throw invalid('app_id must be a reverse-domain id such as com.example.app');
  }
  if (!isVersionName(facts.versionName)) {
    throw invalid(
      'version_name must be a semantic version such as 1.2.3, without a leading v, of at most 128 characters',
    );
  }
  if (facts.minUpdateVersion !== '' && !isVersionName(facts.minUpdateVersion)) {
    throw invalid('min_update_version must be a semantic version such as 1.2.3');
  }
  for (const [name, maxLength] of Object.entries(limitsOfTexts)) {
    const text = facts[name as keyof typeof limitsOfTexts];
    const wireName = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (text.length > maxLength) throw invalid(`${wireName} must be at most ${maxLength} characters`);
    if (text.includes('\0')) throw invalid(`${wireName} must not hold a NUL character`);
  }
  if (facts.link !== '' && !isWebUrl(facts.link)) {
    throw invalid('link must be a URL that starts with http:// or https://, without blanks');
  }
  if (facts.sessionKey !== '' && facts.checksum === '') {
    throw invalid('checksum is required with session_key: send the checksum that `bundle encrypt` printed');
  }
  if (facts.sessionKey === '' && facts.keyId !== '') {
    throw invalid('key_id needs session_key: only an encrypted bundle has a key');
  }
}

interface Digests {
  readonly sha256: string;
  readonly crc32: string;
}

/** A plain bundle's checksum is ours to compute; one that the uploader gives must agree with it. */
function plainChecksum(given: string, computed: Digests): string {
  const wanted = given.toLowerCase();
  if (wanted !== '' && wanted !== computed.sha256 && wanted !== computed.crc32) {
    throw new AppError(
      'invalid_bundle',
      `The bundle's SHA-256 is ${computed.sha256}, but checksum says ${given}: the upload is damaged or another file`,
    );
  }
  return computed.sha256;
}

export function createBundles(deps: {
  readonly store: BundleStore;
  readonly objectStorage: ObjectStorage;
  readonly archive: BundleArchive;
  readonly appSnapshots: AppSnapshots;
  readonly objectDeletions: ObjectDeletions;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: BundleLimits;
}): Bundles {
  const { store, objectStorage, archive, appSnapshots, objectDeletions, clock, ids, limits } = deps;

  return {
    async stage(source) {
      const sha256 = createHash('sha256');
      let crc = 0;
      let sizeBytes = 0;
      async function* measured(): AsyncGenerator<Uint8Array> {
        for await (const bytes of source) {
          sizeBytes += bytes.byteLength;
          if (sizeBytes > limits.maxBundleBytes) {
            throw new AppError(
              'payload_too_large',
              `The bundle is larger than ${limits.maxBundleBytes} bytes; raise MAX_BUNDLE_SIZE to accept it`,
            );
          }
          sha256.update(bytes);
          crc = crc32(bytes, crc);
          yield bytes;
        }
      }
      const staged = await objectStorage.stage(measured());
      const digests: Digests = { sha256: sha256.digest('hex'), crc32: formatCrc32(crc) };

      async function storeObject(bundle: Bundle, objectKey: string, by: ChangedBy): Promise<void> {
        await objectDeletions.planUnlessClaimed(objectKey);
        try {
          await staged.store(objectKey);
          await store.insertBundle(bundle, by);
        } catch (error) {
          // The insert can have been committed although its answer was lost; only without a row is the object ours
          // to remove. When the store cannot tell, the plan made above removes it later, unless a row claimed it.
          const isOrphan = await store.findBundle(bundle.id).then(
            (row) => row === undefined,
            () => false,
          );
          if (isOrphan) await objectDeletions.carryOut(objectKey).catch(() => undefined);
          throw error;
        }
      }

      return {
        async create(facts, actor) {
          checkFacts(facts);
          if (await store.isVersionNameTaken(facts.appId, facts.versionName)) {
            throw new AppError(
              'version_already_exists',
              `App ${facts.appId} already has, or had, a bundle ${facts.versionName}; a version name is never reused`,
            );
          }
          const isPlain = facts.sessionKey === '';
          const checksum = isPlain ? plainChecksum(facts.checksum, digests) : facts.checksum;
          if (isPlain) {
            await archive.inspect(staged.filePath, {
              maxEntries: maxBundleEntries,
              maxUnpackedBytes: limits.maxUnpackedBytes,
            });
          }
          const id = ids.next();
          const objectKey = bundleObjectKey(facts.appId, id);
          const bundle: Bundle = {
            id,
            appId: facts.appId,
            versionName: facts.versionName,
            description: facts.description,
            crcChecksum: digests.crc32,
            checksum,
            sizeBytes,
            sessionKey: facts.sessionKey,
            keyId: facts.keyId === '' ? null : facts.keyId,
            minUpdateVersion: facts.minUpdateVersion === '' ? null : facts.minUpdateVersion,
            objectKey,
            externalUrl: null,
            link: facts.link === '' ? null : facts.link,
            comment: facts.comment === '' ? null : facts.comment,
            createdAtMs: clock.now(),
          };
          await storeObject(bundle, objectKey, { actor, atMs: bundle.createdAtMs });
          await appSnapshots.refresh(bundle.appId);
          return bundle;
        },
        discard: () => staged.discard(),
      };
    },

    list: (filter, page) => store.listBundles(filter, page),

    async delete(id, actor) {
      const bundle = await store.deleteBundle(id, { actor, atMs: clock.now() });
      await appSnapshots.refresh(bundle.appId);
      // The row is gone whatever happens here; a failed deletion stays planned and is tried again.
      if (bundle.objectKey !== null) await objectDeletions.carryOut(bundle.objectKey).catch(() => undefined);
    },
  };
}
