import type { Bundle } from '../domain/bundle.ts';
import { AppError } from '../domain/errors.ts';
import {
  brotliSuffix,
  fileObjectKey,
  type ManifestEntry,
  maxManifestFiles,
  type StoredFile,
} from '../domain/manifest.ts';
import type { ManifestReason } from '../domain/manifest-status.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { BundleUnpacker, ExtractedFile, OpenedBundle, UnpackedFile } from '../ports/bundle-unpacker.ts';
import type { Leases } from '../ports/changes.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { ManifestStore } from '../ports/manifests.ts';
import type { ObjectStorage } from '../ports/object-storage.ts';
import type { BundleStore, PlannedDeletions } from '../ports/store.ts';

/** Why the manifest of a bundle is not there: given up, or put off because of an error. */
export interface UnbuiltManifest {
  readonly bundle: Bundle;
  readonly reason: ManifestReason | undefined;
  readonly error: unknown;
}

export interface ManifestBuilder {
  /**
   * Makes the manifests that are pending, the oldest bundle's first, one after the other; leaves out those that another
   * node is at, and those that failed a moment ago.
   */
  run(): Promise<void>;
  /** Ends the run under way, and every later one, soon; what is not finished is begun anew by the next process. */
  stop(): void;
}

const bundlesPerRun = 1_000;
/** A node that died is followed by another after that. */
const leaseMs = 30_000;
const renewEveryMs = 10_000;
/** A bundle whose work ended so often as it never should, with the process or by a fault of ours, is not tried again. */
const maxAttempts = 5;
/** Files can be swept while we go on with them; that it happens again and again means that something else is wrong. */
const maxRounds = 3;
const firstPauseMs = 30_000;
const maxPauseMs = 60 * 60 * 1000;
/** Longer than a batch takes, on however slow a storage. */
const storingGraceMs = 24 * 60 * 60 * 1000;
/** What lies unpacked beside the zip at most, twice: a batch is stored while the next one is unpacked. */
const maxBatchFiles = 250;
const maxBatchBytes = 16 * 1024 * 1024;

function* batchesOf(files: readonly UnpackedFile[]): Generator<UnpackedFile[]> {
  let batch: UnpackedFile[] = [];
  let bytes = 0;
  for (const file of files) {
    if (batch.length === maxBatchFiles || (batch.length > 0 && bytes + file.sizeBytes > maxBatchBytes)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(file);
    bytes += file.sizeBytes;
  }
  if (batch.length > 0) yield batch;
}

/** Of files with the same bytes the first. */
function distinct(files: readonly UnpackedFile[]): readonly UnpackedFile[] {
  return [...new Map(files.toReversed().map((file) => [file.hash, file])).values()].toReversed();
}

/** What a bundle is that can have no manifest. */
function findObstacle(files: readonly UnpackedFile[]): ManifestReason | undefined {
  if (files.length > maxManifestFiles) return 'too_many_files';
  // A device would take the suffix for ours, decompress the file and store it under another name.
  return files.some(({ path }) => path.endsWith(brotliSuffix)) ? 'brotli_names' : undefined;
}

/** Makes the manifests of uploaded bundles, in the background, on one node each. */
export function createManifestBuilder(deps: {
  readonly store: ManifestStore & PlannedDeletions & Leases & Pick<BundleStore, 'findBundle'>;
  readonly objectStorage: ObjectStorage;
  readonly unpacker: BundleUnpacker;
  readonly appSnapshots: Pick<AppSnapshots, 'refresh'>;
  readonly clock: Clock;
  readonly ids: Ids;
  /** A name that no other node has. */
  readonly node: string;
  readonly onUnbuilt: (unbuilt: UnbuiltManifest) => void;
}): ManifestBuilder {
  const { store, objectStorage, unpacker, appSnapshots, clock, ids, node, onUnbuilt } = deps;
  const stopping = new AbortController();
  const pauses = new Map<string, { readonly untilMs: number; readonly lengthMs: number }>();
  /** Bundles whose attempt ended in order, which the store was not there to hear. */
  const unheard = new Set<string>();

  const toStored = (appId: string, { hash }: UnpackedFile, extracted: ExtractedFile): StoredFile => {
    const id = ids.next();
    const { sizeBytes, isBrotli } = extracted;
    return { id, appId, name: hash, objectKey: fileObjectKey(appId, hash, id), sizeBytes, isBrotli };
  };

  /** Unpacks and stores files; adds them to those that are known. False when the bundle was deleted meanwhile. */
  async function storeFiles(
    { id, appId }: Bundle,
    opened: OpenedBundle,
    files: readonly UnpackedFile[],
    known: Map<string, StoredFile>,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (files.length === 0) return true;
    const workspace = await objectStorage.openWorkspace();
    const batches = [...batchesOf(files)];
    const extract = async (at: number) => {
      const batch = batches[at] ?? [];
      const extracted =
        batch.length === 0
          ? []
          : await opened.extract(
              batch.map(({ index }) => index),
              workspace.path,
            );
      return batch.map((file, index) => {
        const own = extracted[index];
        if (!own) throw new Error(`${file.path} was not unpacked`);
        return { fileName: own.fileName, stored: toStored(appId, file, own) };
      });
    };
    /** Begun ahead of its turn. That it fails meanwhile is heard in its turn: until then nobody waits for it. */
    const begin = (at: number) => {
      const begun = extract(at);
      begun.catch(() => undefined);
      return begun;
    };
    let next = begin(0);
    try {
      for (let at = 0; at < batches.length; at += 1) {
        const ready = await next;
        signal.throwIfAborted();
        next = begin(at + 1);
        const stored = ready.map((file) => file.stored);
        const keys = stored.map(({ objectKey }) => objectKey);
        await store.planObjectDeletions(keys, clock.now() + storingGraceMs);
        await workspace.store(
          ready.map(({ fileName, stored: { objectKey } }) => ({ fileName, key: objectKey })),
        );
        for (const file of await store.addFiles(stored, clock.now())) known.set(file.name, file);
        // The bundles behind it wait for their turn.
        if (!(await store.findBundle(id))) return false;
      }
      return true;
    } finally {
      await next.catch(() => undefined);
      await workspace.remove();
    }
  }

  async function makeManifest(bundle: Bundle, opened: OpenedBundle, signal: AbortSignal): Promise<void> {
    const { files } = opened;
    const wanted = distinct(files);
    const hashes = wanted.map(({ hash }) => hash);
    const known = new Map<string, StoredFile>();
    for (const file of await store.findFiles(bundle.appId, hashes)) known.set(file.name, file);
    for (let round = 1; round <= maxRounds; round += 1) {
      signal.throwIfAborted();
      const missing = wanted.filter(({ hash }) => !known.has(hash));
      if (!(await storeFiles(bundle, opened, missing, known, signal))) return;
      if (!hashes.every((hash) => known.has(hash))) continue;
      const entries = files.flatMap(({ path, hash }): ManifestEntry[] => {
        const file = known.get(hash);
        if (!file) return [];
        const fileName = file.isBrotli ? `${path}${brotliSuffix}` : path;
        return [{ fileName, hash, fileId: file.id, objectKey: file.objectKey, sizeBytes: file.sizeBytes }];
      });
      signal.throwIfAborted();
      const outcome = await store.setManifest(bundle.id, entries);
      if (outcome.kind !== 'files_missing') return;
      const gone = new Set(outcome.fileIds);
      for (const { id, name } of [...known.values()]) if (gone.has(id)) known.delete(name);
    }
    throw new AppError('unavailable', 'Files of the bundle were deleted while they were taken into use');
  }

  async function refuse(bundle: Bundle, state: 'none' | 'failed', reason: ManifestReason, error?: unknown) {
    await store.refuseManifest(bundle.id, state, reason);
    if (state === 'failed') onUnbuilt({ bundle, reason, error });
  }

  async function postpone({ id }: Bundle): Promise<void> {
    unheard.add(id);
    await store.postponeManifest(id);
    unheard.delete(id);
  }

  async function build(bundle: Bundle, signal: AbortSignal): Promise<void> {
    if (unheard.has(bundle.id)) await postpone(bundle);
    const attempts = await store.beginManifest(bundle.id);
    if (attempts === 0) return;
    if (attempts > maxAttempts) {
      await refuse(bundle, 'failed', 'interrupted');
      return;
    }
    const copy = await objectStorage.checkOut(bundle.objectKey ?? '');
    try {
      const opened = await unpacker.open(copy.filePath, signal);
      try {
        const obstacle = findObstacle(opened.files);
        if (obstacle) await refuse(bundle, 'none', obstacle);
        else await makeManifest(bundle, opened, signal);
      } finally {
        await opened.close();
      }
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'invalid_bundle')) throw error;
      await refuse(bundle, 'failed', 'damaged', error);
    } finally {
      await copy.release();
    }
  }

  function pauseAfter({ id }: Bundle): void {
    const lengthMs = Math.min((pauses.get(id)?.lengthMs ?? firstPauseMs / 2) * 2, maxPauseMs);
    pauses.set(id, { untilMs: clock.now() + lengthMs, lengthMs });
  }

  /** Builds under a lease, which is kept as long as it takes. */
  async function buildLeased(bundle: Bundle): Promise<void> {
    const name = `manifest:${bundle.id}`;
    const take = () => {
      const nowMs = clock.now();
      return store.takeLease({ name, holder: node, nowMs, untilMs: nowMs + leaseMs });
    };
    if (!(await take())) return;
    const lost = new AbortController();
    const renewal = setInterval(() => {
      // A store that is away fails the work itself, soon.
      take().then(
        (isOurs) => {
          if (!isOurs) lost.abort(new AppError('unavailable', 'Another node has taken over'));
        },
        () => undefined,
      );
    }, renewEveryMs);
    try {
      await build(bundle, AbortSignal.any([stopping.signal, lost.signal]));
      pauses.delete(bundle.id);
    } catch (error) {
      // What is not there now says nothing of the bundle; what nobody foresaw may well be its doing.
      if (error instanceof AppError) await postpone(bundle);
      if (stopping.signal.aborted) return;
      pauseAfter(bundle);
      onUnbuilt({ bundle, reason: undefined, error });
    } finally {
      clearInterval(renewal);
      await store.releaseLease(name, node);
    }
    await appSnapshots.refresh(bundle.appId);
  }

  return {
    async run() {
      for (const bundle of await store.listPendingManifests(bundlesPerRun)) {
        if (stopping.signal.aborted) return;
        const pause = pauses.get(bundle.id);
        if (!pause || pause.untilMs <= clock.now()) await buildLeased(bundle);
      }
    },
    stop: () => stopping.abort(new AppError('unavailable', 'The server is stopping')),
  };
}
