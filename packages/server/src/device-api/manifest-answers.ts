import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { entriesOfPart, type Manifest } from '../domain/manifest.ts';
import { toManifestEntry } from './wire.ts';

export type Encoding = 'br' | 'gzip' | 'identity';

/** An answer as it goes onto the wire. */
export interface AnswerBytes {
  /** Short ones are text: Node writes that together with the headers, and bytes after them. */
  readonly payload: Buffer | string;
  readonly length: number;
  /** What it is compressed with. */
  readonly encoding: Encoding;
  /** Of these very bytes. */
  readonly entityTag: string;
}

export interface ManifestAnswers {
  /**
   * The answer that begins as the head does and ends with the manifest, in that encoding; when it was built before, at
   * once and not in a promise.
   *
   * @param head JSON of an object that is not empty
   * @param urlBase what the download URLs begin with, up to the object's key
   */
  get(request: {
    readonly head: string;
    readonly manifest: Manifest;
    readonly encoding: Encoding;
    readonly downloadUrl: (objectKey: string) => string;
  }): AnswerBytes | Promise<AnswerBytes>;
  /** Bytes held. */
  readonly heldBytes: number;
}

/** Shorter answers fit into one packet or two as they are. */
const minCompressedBytes = 1_024;
/** Text is encoded anew each time that it is sent. */
const maxTextBytes = 4_096;
/** What is built is compressed once and sent thousands of times, but somebody waits for the first one. */
const gzipLevel = 6;
const brotliQuality = 5;
const defaultMaxHeldBytes = 32 * 1024 * 1024;

const gzipAsync = promisify(gzip);
const brotliAsync = promisify(brotliCompress);

function compress(bytes: Buffer, encoding: Encoding): Promise<Buffer> | Buffer {
  switch (encoding) {
    case 'gzip':
      return gzipAsync(bytes, { level: gzipLevel });
    case 'br':
      return brotliAsync(bytes, {
        params: {
          [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        },
      });
    case 'identity':
      return bytes;
  }
}

/** The manifest as JSON, part by part: others get their turn in between. */
async function renderManifest(
  manifest: Manifest,
  downloadUrl: (objectKey: string) => string,
): Promise<Buffer> {
  const texts: Buffer[] = [];
  for (const part of manifest.parts) {
    if (texts.length > 0) await nextTurn();
    const entries = entriesOfPart(part).map((entry) => toManifestEntry(entry, downloadUrl));
    texts.push(Buffer.from(JSON.stringify(entries).slice(1, -1)));
  }
  const separated = texts.flatMap((text, index) => (index === 0 ? [text] : [Buffer.from(','), text]));
  return Buffer.concat(separated);
}

/**
 * Answers with a manifest are large and the same for all devices that get the bundle, so they are built once, compressed
 * beside the event loop, and kept as bytes as long as they are asked for.
 */
export function createManifestAnswers({
  maxHeldBytes = defaultMaxHeldBytes,
}: {
  readonly maxHeldBytes?: number;
} = {}): ManifestAnswers {
  /** In the order in which they were asked for last. */
  const held = new Map<string, AnswerBytes>();
  const building = new Map<string, Promise<AnswerBytes>>();
  /** Builds follow each other: whoever asks under many names costs one core at most. */
  let last: Promise<unknown> = Promise.resolve();
  let heldBytes = 0;

  function hold(key: string, answer: AnswerBytes): void {
    held.set(key, answer);
    heldBytes += answer.length;
    for (const [oldKey, old] of held) {
      if (heldBytes <= maxHeldBytes || oldKey === key) break;
      held.delete(oldKey);
      heldBytes -= old.length;
    }
  }

  async function build(
    head: string,
    manifest: Manifest,
    wanted: Encoding,
    downloadUrl: (objectKey: string) => string,
  ): Promise<AnswerBytes> {
    const list = await renderManifest(manifest, downloadUrl);
    const whole = Buffer.concat([Buffer.from(`${head.slice(0, -1)},"manifest":[`), list, Buffer.from(']}')]);
    const encoding = whole.length < minCompressedBytes ? 'identity' : wanted;
    const bytes = await compress(whole, encoding);
    const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22);
    const isText = encoding === 'identity' && bytes.length <= maxTextBytes;
    return {
      payload: isText ? bytes.toString() : bytes,
      length: bytes.length,
      ...{ encoding, entityTag: `"${digest}"` },
    };
  }

  return {
    get({ head, manifest, encoding, downloadUrl }) {
      // The head names the bundle and the origin, and with them all that follows.
      const key = `${encoding} ${manifest.bundleId} ${head}`;
      const known = held.get(key);
      if (known) {
        held.delete(key);
        held.set(key, known);
        return known;
      }
      const underWay = building.get(key);
      if (underWay !== undefined) return underWay;
      const built = last
        .then(() => build(head, manifest, encoding, downloadUrl))
        .then((answer) => {
          hold(key, answer);
          return answer;
        })
        .finally(() => building.delete(key));
      last = built.catch(() => undefined);
      building.set(key, built);
      return built;
    },
    get heldBytes() {
      return heldBytes;
    },
  };
}
