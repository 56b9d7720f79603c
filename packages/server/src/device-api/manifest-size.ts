import type { ManifestSizeAnswer, ManifestSizeBody } from '@capgo-server/protocol/device/manifest-size';
import { isRecordId } from '@capgo-server/protocol/formats/identifiers';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FindFileSizes } from '../ports/file-sizes.ts';
import { parseManifestSize } from './parse-body.ts';

/** Largest body: a manifest has ten thousand entries and more (protocol §0.3 D7). */
export const maxManifestSizeBodyBytes = 4 * 1024 * 1024;

/** A usable entry of the request; null where the device said nothing, or nothing that is a text. */
interface RequestedFile {
  readonly file_name: string | null;
  readonly file_hash: string;
  readonly download_url: string | null;
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** What names a file by a hash, each once; anything else is passed over (protocol §4). */
function readFiles(given: unknown): RequestedFile[] {
  if (!Array.isArray(given)) return [];
  const files = new Map<string, RequestedFile>();
  for (const entry of given as readonly unknown[]) {
    if (typeof entry !== 'object' || entry === null) continue;
    const { file_name, file_hash, download_url } = entry as Partial<Record<keyof RequestedFile, unknown>>;
    if (typeof file_hash !== 'string' || file_hash === '') continue;
    const file = { file_name: textOrNull(file_name), file_hash, download_url: textOrNull(download_url) };
    const key = JSON.stringify([file.file_name ?? '', file_hash, file.download_url ?? '']);
    if (!files.has(key)) files.set(key, file);
  }
  return [...files.values()];
}

/** A bundle's id: a positive integer or its digits as the plugins' own backend numbers bundles, or one of ours. */
function readBundleId(value: unknown): string | undefined {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : textOrNull(value);
  const id = text?.trim() ?? '';
  if (isRecordId(id)) return id.toLowerCase();
  return /^\d{1,20}$/.test(id) && /[1-9]/.test(id) ? id : undefined;
}

/** The bundle that a file's own URL names in its query. */
function bundleIdOfUrl(downloadUrl: string | null): string | undefined {
  if (!downloadUrl) return undefined;
  return readBundleId(URL.parse(downloadUrl)?.searchParams.get('key'));
}

async function answer(body: ManifestSizeBody, findFileSizes: FindFileSizes): Promise<ManifestSizeAnswer> {
  const files = readFiles(body.manifest ?? body.files);
  if (files.length === 0) return { totalSize: 0, knownFiles: 0, unknownFiles: 0, files: [] };
  const wholeId = readBundleId(body.version_id);
  const versionName = textOrNull(body.version) || undefined;
  const sizes = await findFileSizes({
    appId: body.app_id,
    entries: files.map((file) => ({
      hash: file.file_hash,
      bundleId: bundleIdOfUrl(file.download_url) ?? wholeId,
      versionName,
    })),
  });

  let totalSize = 0;
  let knownFiles = 0;
  const answered = files.map((file, index) => {
    const size = sizes[index];
    // An empty file has a size, too.
    if (size === undefined) return { ...file, error: 'size_unknown' as const };
    totalSize += size;
    knownFiles += 1;
    return { ...file, size };
  });
  return { totalSize, knownFiles, unknownFiles: files.length - knownFiles, files: answered };
}

/** `POST /updates/manifest_size` (protocol §4); whether the app exists is not asked. */
export function createManifestSizeHandler(deps: { readonly findFileSizes: FindFileSizes }) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { body } = parseManifestSize(request.body);
    return reply.send(await answer(body, deps.findFileSizes));
  };
}
