import { randomBytes } from 'node:crypto';
import { chmod, link, open, readFile, rm } from 'node:fs/promises';
import { AppError } from '../domain/errors.ts';

const tokenBytes = 32;
const minTokenLength = 32;

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/**
 * The management token of an installation that was given none: made once, kept in a file only its owner can read.
 *
 * @returns the token, and whether this call made it
 */
export async function findOrCreateToken(filePath: string): Promise<{ token: string; isNew: boolean }> {
  const token = randomBytes(tokenBytes).toString('base64url');
  // Written whole under another name first: a start that is killed in between must not leave half a token.
  const unfinished = `${filePath}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.writeFile(`${token}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(unfinished, filePath);
    return { token, isNew: true };
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
  await chmod(filePath, 0o600);
  const kept = (await readFile(filePath, 'utf8')).trim();
  if (kept.length < minTokenLength) {
    throw new AppError(
      'internal',
      `${filePath} holds no usable management token; delete the file to have one made, or set MANAGEMENT_API_TOKENS`,
    );
  }
  return { token: kept, isNew: false };
}
