import type { MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../domain/errors.ts';
import type { Bundles, StagedBundle } from '../services/bundles.ts';

export interface BundleForm<Field extends string> {
  readonly fields: Readonly<Partial<Record<Field, string>>>;
  readonly staged: StagedBundle;
}

/** The form parser's own errors have no code: they are about the form, which is the caller's. */
function unreadableForm(error: unknown): unknown {
  if (error instanceof Error && 'code' in error && String(error.code).startsWith('FST_')) return error;
  return new AppError(
    'invalid_request',
    'The form cannot be read: it is cut off or not multipart/form-data',
    {
      cause: error,
    },
  );
}

/** What comes from the form; what the reader of it throws is not touched. */
async function* fromForm<Item>(source: () => AsyncIterable<Item>): AsyncGenerator<Item> {
  try {
    yield* source();
  } catch (error) {
    throw unreadableForm(error);
  }
}

/** How long the rest of a refused upload is read and thrown away. */
const maxDrainMs = 30_000;

/**
 * Reads what is left of an upload that is refused already. A client that sends everything before it reads, as most do,
 * would otherwise see a broken connection instead of the reason.
 */
function drain({ raw }: FastifyRequest): void {
  raw.unpipe();
  raw.resume();
  const cutOff = setTimeout(() => raw.destroy(), maxDrainMs);
  cutOff.unref();
  raw.once('close', () => clearTimeout(cutOff));
}

async function stageFile(bundles: Pick<Bundles, 'stage'>, part: MultipartFile): Promise<StagedBundle> {
  const staged = await bundles.stage(fromForm(() => part.file));
  if (!part.file.truncated) return staged;
  await staged.discard();
  throw new AppError('payload_too_large', 'The bundle is too large');
}

async function readForm<Field extends string>(
  request: FastifyRequest,
  bundles: Pick<Bundles, 'stage'>,
  known: readonly Field[],
): Promise<BundleForm<Field>> {
  const fields: Partial<Record<Field, string>> = {};
  let staged: StagedBundle | undefined;
  try {
    for await (const part of fromForm(() => request.parts())) {
      const field = known.find((each) => each === part.fieldname);
      if (part.type === 'file') {
        if (part.fieldname !== 'bundle') {
          throw new AppError(
            'invalid_request',
            `The file must be the form field bundle, not ${part.fieldname}`,
          );
        }
        staged = await stageFile(bundles, part);
      } else if (field !== undefined) {
        if (part.valueTruncated) throw new AppError('invalid_request', `${field} is too long`);
        if (fields[field] !== undefined) throw new AppError('invalid_request', `${field} must be given once`);
        fields[field] = String(part.value);
      } else if (part.fieldname === 'bundle') {
        throw new AppError('invalid_request', 'bundle must be a file: with curl write -F bundle=@path.zip');
      }
    }
    if (!staged) throw new AppError('invalid_request', 'The form has no file bundle');
    return { fields, staged };
  } catch (error) {
    await staged?.discard();
    throw error;
  }
}

/**
 * Reads the whole form; fields may stand before or after the file. On failure nothing stays staged, and what is left of
 * the upload is read and thrown away.
 */
export async function readBundleForm<Field extends string>(
  request: FastifyRequest,
  bundles: Pick<Bundles, 'stage'>,
  known: readonly Field[],
): Promise<BundleForm<Field>> {
  try {
    return await readForm(request, bundles, known);
  } catch (error) {
    drain(request);
    throw error;
  }
}
