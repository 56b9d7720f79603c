import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Manifest } from '../domain/manifest.ts';

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** JSON holds no line ends of its own. */
const lineEnd = 0x0a;

/** A manifest as databases keep it: its parts as lines, deflated, which leaves 50 to 60 bytes an entry. */
export async function toPackedEntries({ parts }: Manifest): Promise<Buffer> {
  return deflate(Buffer.concat(parts.flatMap((part) => [part, Uint8Array.of(lineEnd)])));
}

export async function fromPackedEntries(
  bundleId: string,
  fileCount: number,
  packed: Uint8Array,
): Promise<Manifest> {
  const text = await inflate(packed);
  const parts: Uint8Array[] = [];
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf(lineEnd, start);
    parts.push(text.subarray(start, end));
    start = end + 1;
  }
  return { bundleId, fileCount, parts };
}
