import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { formatCrc32 } from '@capgo-server/protocol/formats/checksum';
import type { Actor, ChangedBy } from '../domain/actor.ts';
import { type Bundle, bundleObjectKey } from '../domain/bundle.ts';
import { AppError } from '../domain/errors.ts';
import { requireEncryption } from '../domain/organization.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { BundleArchive } from '../ports/bundle-archive.ts';
import type { BundleRecord, BundleRecords } from '../ports/bundle-records.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { ObjectStorage } from '../ports/object-storage.ts';
import type { OrganizationStore } from '../ports/organizations.ts';
import type { Page, PageRequest } from '../ports/page.ts';
import type { AppFilter, BundleStore } from '../ports/store.ts';
import { type BundleFacts, checkBundleTexts, checkFacts, statedChecksum } from './bundle-facts.ts';
import type { ObjectDeletions } from './object-deletions.ts';

export interface BundleLimits {
  readonly maxBundleBytes: number;
  readonly maxUnpackedBytes: number;
}

/** Most files and folders of a plain bundle. */
const maxBundleEntries = 20_000;

/** A bundle's bytes that have arrived whole and are not yet a bundle. */
export interface StagedBundle {
  /** Checks facts and bytes and makes them a bundle, visible to the next update check. */
  create(facts: BundleFacts, actor: Actor): Promise<Bundle>;
  /**
   * Checks facts and bytes as `create` does, and makes a bundle of them whose bytes stay where they came from. A plain
   * bundle's checksum must be their SHA-256.
   */
  register(facts: BundleFacts, externalUrl: string, actor: Actor): Promise<Bundle>;
  /** To be called in any case at the end; leaves no file unless `create` succeeded. */
  discard(): Promise<void>;
}

type AcceptedFacts = Pick<BundleFacts, 'appId' | 'versionName' | 'sessionKey' | 'keyId'>;

export interface Bundles {
  /** Takes the bytes in; rejects with `payload_too_large` past the limit and with the source's error when cut. */
  stage(source: AsyncIterable<Uint8Array>): Promise<StagedBundle>;
  list(filter: AppFilter, page: PageRequest): Promise<Page<Bundle>>;
  /** Undefined for one that was deleted, too. */
  find(id: string): Promise<Bundle | undefined>;
  /** A bundle whose bytes lie elsewhere, as its uploader describes it: nobody looks at them. */
  registerUnseen(facts: BundleFacts, externalUrl: string, actor: Actor): Promise<Bundle>;
  /**
   * Rejects with `version_already_exists` when the app has, or ever had, that version, and with `encryption_required`,
   * `encryption_key_required` or `encryption_key_mismatch` when its organization does not take such bundles.
   */
  requireAcceptable(facts: AcceptedFacts): Promise<void>;
  listRecords: BundleRecords['listBundleRecords'];
  findRecords: BundleRecords['findBundleRecords'];
  /** Sets what is given; '' stands for nothing. Rejects with `bundle_not_found`, and `invalid_request` as an upload. */
  change(
    id: string,
    change: Partial<Pick<BundleFacts, 'link' | 'comment' | 'minUpdateVersion'>>,
    actor: Actor,
  ): Promise<BundleRecord>;
  /** Rejects with `bundle_not_found` or `bundle_in_use`. */
  delete(id: string, actor: Actor): Promise<void>;
  /**
   * Deletes what nothing uses, all of the app or only what is old.
   *
   * @param exceptIds these stay as well
   * @returns how many that were
   */
  deleteUnused(
    appId: string,
    which: { readonly createdUntilMs: number | null; readonly exceptIds: readonly string[] },
    actor: Actor,
  ): Promise<number>;
}

/** Deleted in one step: enough that many need few, and few enough that others need not wait long. */
const deletionsPerStep = 200;

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

const unseen = { crcChecksum: '', sizeBytes: 0 } as const;

/** '' is how forms and older databases say that there is nothing. */
function textOrNull(text: string): string | null {
  return text === '' ? null : text;
}

export function createBundles(deps: {
  readonly store: BundleStore & BundleRecords & Pick<OrganizationStore, 'findOrganizationOfApp'>;
  readonly objectStorage: ObjectStorage;
  readonly archive: BundleArchive;
  readonly appSnapshots: AppSnapshots;
  readonly objectDeletions: ObjectDeletions;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly limits: BundleLimits;
}): Bundles {
  const { store, objectStorage, archive, appSnapshots, objectDeletions, clock, ids, limits } = deps;

  async function requireAcceptable({ appId, versionName, sessionKey, keyId }: AcceptedFacts) {
    requireEncryption(await store.findOrganizationOfApp(appId), { sessionKey, keyId: textOrNull(keyId) });
    if (!(await store.isVersionNameTaken(appId, versionName))) return;
    throw new AppError(
      'version_already_exists',
      `App ${appId} already has, or had, a bundle ${versionName}; a version name is never reused`,
    );
  }

  function toBundle(
    facts: BundleFacts,
    found: Pick<
      Bundle,
      'id' | 'crcChecksum' | 'checksum' | 'sizeBytes' | 'objectKey' | 'externalUrl' | 'manifest'
    >,
  ): Bundle {
    return {
      ...found,
      appId: facts.appId,
      versionName: facts.versionName,
      description: facts.description,
      sessionKey: facts.sessionKey,
      keyId: textOrNull(facts.keyId),
      minUpdateVersion: textOrNull(facts.minUpdateVersion),
      link: textOrNull(facts.link),
      comment: textOrNull(facts.comment),
      createdAtMs: clock.now(),
    };
  }

  async function insertExternal(
    facts: BundleFacts,
    externalUrl: string,
    found: Pick<Bundle, 'crcChecksum' | 'checksum' | 'sizeBytes'>,
    actor: Actor,
  ): Promise<Bundle> {
    const bundle = toBundle(facts, {
      ...found,
      ...{ id: ids.next(), objectKey: null, externalUrl, manifest: { state: 'none', reason: 'external' } },
    });
    await store.insertBundle(bundle, { actor, atMs: bundle.createdAtMs });
    await appSnapshots.refresh(bundle.appId);
    return bundle;
  }

  /** The rows are gone whatever happens here; a failed deletion stays planned and is tried again. */
  async function deleteObjects(bundles: readonly Bundle[]): Promise<void> {
    for (const { objectKey } of bundles) {
      if (objectKey !== null) await objectDeletions.carryOut(objectKey).catch(() => undefined);
    }
  }

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

      const inspect = () =>
        archive.inspect(staged.filePath, {
          maxEntries: maxBundleEntries,
          maxUnpackedBytes: limits.maxUnpackedBytes,
        });

      return {
        async create(facts, actor) {
          checkFacts(facts);
          await requireAcceptable(facts);
          const isPlain = facts.sessionKey === '';
          const checksum = isPlain ? plainChecksum(facts.checksum, digests) : facts.checksum;
          if (isPlain) await inspect();
          const id = ids.next();
          const objectKey = bundleObjectKey(facts.appId, id);
          const crcChecksum = digests.crc32;
          const bundle = toBundle(facts, {
            id,
            crcChecksum,
            checksum,
            sizeBytes,
            objectKey,
            externalUrl: null,
            manifest: isPlain ? { state: 'pending', reason: null } : { state: 'none', reason: 'encrypted' },
          });
          await storeObject(bundle, objectKey, { actor, atMs: bundle.createdAtMs });
          await appSnapshots.refresh(bundle.appId);
          return bundle;
        },
        async register(facts, externalUrl, actor) {
          checkFacts(facts);
          const checksum = statedChecksum(facts);
          await requireAcceptable(facts);
          if (facts.sessionKey === '') {
            plainChecksum(checksum, { ...digests, crc32: digests.sha256 });
            await inspect();
          }
          const found = { crcChecksum: digests.crc32, checksum, sizeBytes };
          return insertExternal(facts, externalUrl, found, actor);
        },
        discard: () => staged.discard(),
      };
    },

    async registerUnseen(facts, externalUrl, actor) {
      checkFacts(facts);
      const checksum = statedChecksum(facts);
      return insertExternal(facts, externalUrl, { ...unseen, checksum }, actor);
    },
    requireAcceptable,

    list: (filter, page) => store.listBundles(filter, page),
    find: (id) => store.findBundle(id),
    listRecords: (appId, rows) => store.listBundleRecords(appId, rows),
    findRecords: (appId, names) => store.findBundleRecords(appId, names),

    async change(id, change, actor) {
      checkBundleTexts(change);
      const { link, comment, minUpdateVersion } = change;
      const record = await store.changeBundle(
        id,
        {
          ...(link === undefined ? {} : { link: textOrNull(link) }),
          ...(comment === undefined ? {} : { comment: textOrNull(comment) }),
          ...(minUpdateVersion === undefined ? {} : { minUpdateVersion: textOrNull(minUpdateVersion) }),
        },
        { actor, atMs: clock.now() },
      );
      await appSnapshots.refresh(record.appId);
      return record;
    },

    async delete(id, actor) {
      const bundle = await store.deleteBundle(id, { actor, atMs: clock.now() });
      await appSnapshots.refresh(bundle.appId);
      await deleteObjects([bundle]);
    },

    async deleteUnused(appId, { createdUntilMs, exceptIds }, actor) {
      for (let count = 0; ; ) {
        const deleted = await store.deleteUnusedBundles(
          appId,
          { createdUntilMs, exceptIds, limit: deletionsPerStep },
          { actor, atMs: clock.now() },
        );
        count += deleted.length;
        if (deleted.length > 0) await appSnapshots.refresh(appId);
        await deleteObjects(deleted);
        if (deleted.length < deletionsPerStep) return count;
      }
    },
  };
}
