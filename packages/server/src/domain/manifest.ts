import { createHash } from 'node:crypto';
import { objectKeyPrefix } from './bundle.ts';

/** More files than that have no plugin's manifest been tried with (protocol §3.3: the CLI refuses more, too). */
export const maxManifestFiles = 10_000;

/** What marks, at the end of a name, that the file is transferred compressed with brotli (protocol §3.3). */
export const brotliSuffix = '.br';

/** A file of an app's bundles, stored once however many of them have it. */
export interface StoredFile {
  /** 24 hex characters; never of another file, also after it was deleted. */
  readonly id: string;
  readonly appId: string;
  /**
   * What it is known by in its app, of one file only: the SHA-256 of its bytes before compression; or, of a file that came
   * prepared, `upload:` and a digest of the path it was uploaded to.
   */
  readonly name: string;
  readonly objectKey: string;
  /** As it is stored and transferred. */
  readonly sizeBytes: number;
  readonly isBrotli: boolean;
}

/** A file of a bundle. */
export interface ManifestEntry {
  /** Its path in the bundle, with `.br` behind it when it is transferred compressed. */
  readonly fileName: string;
  /** SHA-256 of the file as the app sees it, in lower-case hex; of an encrypted bundle the text its uploader gave. */
  readonly hash: string;
  readonly fileId: string;
  readonly objectKey: string;
  /** As it is transferred. */
  readonly sizeBytes: number;
}

/**
 * All files of a bundle. Kept as text, because thousands of entries of many bundles are held in memory, and in parts, so
 * that nobody has to read all of it at once.
 */
export interface Manifest {
  readonly bundleId: string;
  readonly fileCount: number;
  /** JSON in UTF-8. */
  readonly parts: readonly Uint8Array[];
}

/** Read or written in a millisecond or two. */
const entriesPerPart = 500;

type Tuple = readonly [fileName: string, hash: string, fileId: string, objectKey: string, sizeBytes: number];

export function packManifest(bundleId: string, entries: readonly ManifestEntry[]): Manifest {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  for (let at = 0; at < entries.length; at += entriesPerPart) {
    const tuples = entries
      .slice(at, at + entriesPerPart)
      .map(
        (entry): Tuple => [
          ...([entry.fileName, entry.hash] as const),
          ...([entry.fileId, entry.objectKey, entry.sizeBytes] as const),
        ],
      );
    parts.push(encoder.encode(JSON.stringify(tuples)));
  }
  return { bundleId, fileCount: entries.length, parts };
}

/** The entries of one part of a manifest. */
export function entriesOfPart(part: Uint8Array): readonly ManifestEntry[] {
  const tuples = JSON.parse(new TextDecoder().decode(part)) as Tuple[];
  return tuples.map(([fileName, hash, fileId, objectKey, sizeBytes]) => {
    return { fileName, hash, fileId, objectKey, sizeBytes };
  });
}

export function entriesOf({ parts }: Manifest): readonly ManifestEntry[] {
  return parts.flatMap(entriesOfPart);
}

/**
 * The size of the file that lies at an object key; undefined when the manifest has none there. Searched for as text, because
 * reading thousands of entries for one of them would hold everybody up.
 */
export function sizeOfObject({ parts }: Pick<Manifest, 'parts'>, objectKey: string): number | undefined {
  // Only a key stands between commas and before a number: quotation marks within a text are escaped.
  const searched = `,${JSON.stringify(objectKey)},`;
  for (const part of parts) {
    const text = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    for (let at = text.indexOf(searched); at >= 0; at = text.indexOf(searched, at + 1)) {
      const after = text.toString(
        'latin1',
        at + Buffer.byteLength(searched),
        at + 20 + Buffer.byteLength(searched),
      );
      const size = /^(\d+)\]/.exec(after)?.[1];
      if (size !== undefined) return Number(size);
    }
  }
  return undefined;
}

/** The path in the bundle that a manifest's entry stands for. */
export function pathOf({ fileName }: Pick<ManifestEntry, 'fileName'>): string {
  return fileName.endsWith(brotliSuffix) ? fileName.slice(0, -brotliSuffix.length) : fileName;
}

/**
 * The key of a file in object storage. By its content, so that it can be checked in place, and by the id, so that a file
 * that was deleted and comes again is another object: who deletes the old one can never take the new one.
 *
 * @param digest 64 hex characters
 */
export function fileObjectKey(appId: string, digest: string, fileId: string): string {
  return `${objectKeyPrefix}${appId}/files/${digest}-${fileId}`;
}

/** The name of a file that came prepared, by the path it was uploaded to, which may be too long for a file system. */
export function preparedFileName(uploadPath: string): string {
  return `upload:${createHash('sha256').update(uploadPath).digest('hex')}`;
}
