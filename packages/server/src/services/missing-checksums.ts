import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { formatCrc32 } from '@capgo-server/protocol/formats/checksum';
import { systemActor } from '../domain/actor.ts';
import type { Bundle } from '../domain/bundle.ts';
import { isWithin } from '../domain/elapsed.ts';
import { AppError } from '../domain/errors.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { Clock } from '../ports/clock.ts';
import type { ExternalObjects } from '../ports/external-objects.ts';
import type { MissingChecksums } from '../ports/store.ts';

/** Shorter than a node keeps a job to itself, so that rarely two read the same bundles. */
const maxRunMs = 60_000;
const bundlesPerStep = 20;
const firstPauseMs = 60_000;
const maxPauseMs = 24 * 60 * 60 * 1000;

const checksumActor = systemActor('missing-checksums');

/** A bundle whose bytes could not be read, or are not those that were uploaded. */
export interface UnreadableBundle {
  readonly bundle: Bundle;
  readonly error: unknown;
}

export interface ChecksumSearch {
  /**
   * Computes the checksums of bundles that have none, the newest first, for about a minute; the next run goes on. A
   * bundle that cannot be read is answered and tried again after a pause, which doubles each time.
   */
  run(): Promise<readonly UnreadableBundle[]>;
  /** Ends the run under way, and every later one, at once: a bundle can take minutes to read. */
  stop(): void;
}

/**
 * An older server kept the CRC-32 of its bundles only, and current plugins compare a download with its SHA-256: this
 * reads the bundles from where it put them, and completes them.
 */
export function createChecksumSearch(deps: {
  readonly store: MissingChecksums;
  readonly externalObjects: ExternalObjects;
  readonly appSnapshots: Pick<AppSnapshots, 'refresh'>;
  readonly clock: Clock;
  readonly maxBundleBytes: number;
}): ChecksumSearch {
  const { store, externalObjects, appSnapshots, clock, maxBundleBytes } = deps;
  const stopping = new AbortController();
  const pauses = new Map<string, { readonly untilMs: number; readonly lengthMs: number }>();

  async function measure({ externalUrl, crcChecksum }: Bundle) {
    const sha256 = createHash('sha256');
    let crc = 0;
    let sizeBytes = 0;
    for await (const bytes of externalObjects.read(externalUrl ?? '', stopping.signal)) {
      sizeBytes += bytes.byteLength;
      if (sizeBytes > maxBundleBytes) {
        throw new AppError(
          'payload_too_large',
          `It is larger than ${maxBundleBytes} bytes (MAX_BUNDLE_SIZE)`,
        );
      }
      sha256.update(bytes);
      crc = crc32(bytes, crc);
    }
    if (crcChecksum !== '' && formatCrc32(crc) !== crcChecksum) {
      throw new AppError(
        'invalid_bundle',
        `Its CRC-32 is ${formatCrc32(crc)} and was ${crcChecksum} when it was uploaded: it is damaged or another file`,
      );
    }
    return { checksum: sha256.digest('hex'), sizeBytes };
  }

  async function complete(bundle: Bundle): Promise<UnreadableBundle | undefined> {
    const pause = pauses.get(bundle.id);
    if (pause && pause.untilMs > clock.now()) return undefined;
    let found: Awaited<ReturnType<typeof measure>>;
    try {
      found = await measure(bundle);
    } catch (error) {
      if (stopping.signal.aborted) return undefined;
      const lengthMs = Math.min(pause ? pause.lengthMs * 2 : firstPauseMs, maxPauseMs);
      pauses.set(bundle.id, { untilMs: clock.now() + lengthMs, lengthMs });
      return { bundle, error };
    }
    pauses.delete(bundle.id);
    const by = { actor: checksumActor, atMs: clock.now() };
    if (await store.setMissingChecksum(bundle.id, found, by)) await appSnapshots.refresh(bundle.appId);
    return undefined;
  }

  return {
    async run() {
      const unreadable: UnreadableBundle[] = [];
      let bundles = await store.listBundlesWithoutChecksum(bundlesPerStep);
      const startedMs = clock.now();
      while (bundles.length > 0) {
        for (const bundle of bundles) {
          if (stopping.signal.aborted || !isWithin(maxRunMs, startedMs, clock.now())) return unreadable;
          const failed = await complete(bundle);
          if (failed) unreadable.push(failed);
        }
        bundles = await store.listBundlesWithoutChecksum(bundlesPerStep, bundles.at(-1)?.id);
      }
      return unreadable;
    },
    stop: () => stopping.abort(),
  };
}
