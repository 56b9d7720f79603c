import { pipeline, type Readable, Transform } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import parseRange from 'range-parser';
import { objectKeyPrefix } from '../domain/bundle.ts';
import { AppError } from '../domain/errors.ts';
import { requestOrigin } from '../http/public-origin.ts';
import type { ObjectLinks } from '../ports/object-links.ts';
import type { ByteRange, ObjectStorage } from '../ports/object-storage.ts';
import type { Usage } from '../services/usage.ts';

/** Below it every object is found by its key. */
export const downloadPath = '/files/read/attachments';

export interface DownloadUrls {
  /** Absolute URL of an object, on the public URL or else on the origin the request came to. */
  of(objectKey: string, request: Pick<FastifyRequest, 'protocol' | 'host'>): string;
}

export function createDownloadUrls(publicUrl: string | undefined): DownloadUrls {
  return { of: (objectKey, request) => downloadUrlOf(publicUrl ?? requestOrigin(request), objectKey) };
}

/** Keys that stand in a URL as they are, which is what a bundle's key always is. */
const urlSafeKey = /^[\w./-]+$/;

/** @param base origin, or URL without a trailing slash, of the device API */
export function downloadUrlOf(base: string, objectKey: string): string {
  const path = urlSafeKey.test(objectKey)
    ? objectKey
    : objectKey.split('/').map(encodeURIComponent).join('/');
  return `${base}${downloadPath}/${path}`;
}

/** Objects never change and their names are never reused, so the name says all that a strong validator must. */
function entityTag(objectKey: string): string {
  const name = objectKey.slice(objectKey.lastIndexOf('/') + 1);
  return `"${encodeURIComponent(name)}"`;
}

function isFresh(request: FastifyRequest, tag: string): boolean {
  const given = request.headers['if-none-match']?.split(',').map((each) => each.trim()) ?? [];
  return given.some((each) => each === '*' || each.replace(/^W\//, '') === tag);
}

/** The one range to send, undefined for the whole object; several ranges at once get the whole, as HTTP allows. */
function wantedRange(
  request: FastifyRequest,
  tag: string,
  sizeBytes: number,
): ByteRange | 'unsatisfiable' | undefined {
  const header = request.headers.range;
  const ifRange = request.headers['if-range'];
  if (header === undefined || (ifRange !== undefined && ifRange !== tag)) return undefined;
  // HTTP defines ranges for GET alone.
  if (request.method !== 'GET') return undefined;
  const suffixBytes = /^bytes= *-(\d+) *$/.exec(header)?.[1];
  // "The last n bytes" of a shorter file are all of it; the parser takes that for a range outside.
  if (suffixBytes !== undefined && Number(suffixBytes) >= sizeBytes && sizeBytes > 0) {
    return { start: 0, end: sizeBytes - 1 };
  }
  const [, first, last] = /^bytes= *(\d+) *- *(\d+) *$/.exec(header) ?? [];
  // A range that ends before it begins is no range, and what is none is ignored.
  if (first !== undefined && last !== undefined && Number(last) < Number(first)) return undefined;
  const ranges = parseRange(sizeBytes, header);
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0];
}

/**
 * Where to send the device instead, or undefined when it has to get the bytes from us: Android follows no redirect from
 * http to https or back (protocol §3.8).
 */
async function findLink(
  { links, downloadUrls }: Downloads,
  objectKey: string,
  request: FastifyRequest,
): Promise<string | undefined> {
  if (!links) return undefined;
  const link = await links.linkTo(objectKey, request.method === 'HEAD' ? 'HEAD' : 'GET');
  const schemeOf = (url: string) => new URL(url).protocol;
  return schemeOf(link) === schemeOf(downloadUrls.of(objectKey, request)) ? link : undefined;
}

export interface Downloads {
  readonly objectStorage: ObjectStorage;
  /** Absent when devices are to get every byte from us. */
  readonly links: ObjectLinks | undefined;
  readonly downloadUrls: DownloadUrls;
  readonly usage: Pick<Usage, 'countBytes' | 'sizeOf'>;
}

/** Who is sent elsewhere is taken to fetch there what it asked for here. */
function countRedirect({ usage }: Downloads, objectKey: string, request: FastifyRequest): void {
  const sizeBytes = usage.sizeOf(objectKey) ?? 0;
  const tag = entityTag(objectKey);
  const range = wantedRange(request, tag, sizeBytes);
  if (range === 'unsatisfiable' || isFresh(request, tag)) return;
  usage.countBytes(objectKey, range ? range.end - range.start + 1 : sizeBytes, 'redirected');
}

/**
 * The same bytes; tells at the end, however it comes, how many of them went on. A device that goes away in the midst is
 * counted up to what was on its way to it.
 */
function counted(bytes: Readable, tell: (count: number) => void): Readable {
  let count = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      count += chunk.length;
      done(null, chunk);
    },
  });
  // Its error is the answer's: who reads the meter is told.
  return pipeline(bytes, meter, () => tell(count));
}

/**
 * `GET` and `HEAD` of an object (protocol §3.8, §3.9): resumable, cacheable for ever, never transformed on its way; or
 * a redirect to where it is all that.
 */
export function createDownloadHandler(downloads: Downloads) {
  const { objectStorage, links } = downloads;
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const objectKey = (request.params as { '*': string })['*'];
    if (!objectKey.startsWith(objectKeyPrefix)) throw new AppError('not_found', 'There is no such file');
    const link = await findLink(downloads, objectKey, request);
    if (link !== undefined) {
      if (request.method === 'GET') countRedirect(downloads, objectKey, request);
      return reply
        .code(302)
        .header('location', link)
        .header('cache-control', `private, max-age=${links?.keepSeconds ?? 0}`)
        .send();
    }
    const found = await objectStorage.find(objectKey);
    if (!found) throw new AppError('not_found', 'There is no such file');
    const { sizeBytes } = found;
    const tag = entityTag(objectKey);
    reply
      .header('accept-ranges', 'bytes')
      .header('cache-control', 'public, max-age=31536000, immutable, no-transform')
      .header('etag', tag);
    if (isFresh(request, tag)) return reply.code(304).send();

    const range = wantedRange(request, tag, sizeBytes);
    if (range === 'unsatisfiable') {
      // What could be kept for a year is the object, not this answer.
      return reply
        .code(416)
        .header('cache-control', 'no-store')
        .header('content-range', `bytes */${sizeBytes}`)
        .send({ error: 'range_not_satisfiable', message: `The file has ${sizeBytes} bytes`, moreInfo: {} });
    }
    const { start, end } = range ?? { start: 0, end: sizeBytes - 1 };
    if (range) reply.code(206).header('content-range', `bytes ${start}-${end}/${sizeBytes}`);
    const name = objectKey.slice(objectKey.lastIndexOf('/') + 1);
    reply
      .type(objectKey.endsWith('.zip') ? 'application/zip' : 'application/octet-stream')
      .header('content-length', end - start + 1)
      .header('content-disposition', `attachment; filename*=UTF-8''${encodeURIComponent(name)}`)
      .header('x-content-type-options', 'nosniff');
    if (request.method === 'HEAD' || sizeBytes === 0) return reply.send('');
    const bytes = await objectStorage.read(objectKey, range);
    return reply.send(counted(bytes, (count) => downloads.usage.countBytes(objectKey, count, 'served')));
  };
}
