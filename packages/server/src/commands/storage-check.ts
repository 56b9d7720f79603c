import type { StorageCheck } from '../ports/storage-check.ts';

const labels = { ok: 'ok      ', note: 'note    ', problem: 'PROBLEM ' } as const;

/**
 * Tries out where bundles are kept and writes each finding as one line.
 *
 * @returns whether there was no problem
 */
export async function storageCheck(check: StorageCheck, write: (line: string) => void): Promise<boolean> {
  let problems = 0;
  for await (const { kind, text } of check()) {
    if (kind === 'problem') problems += 1;
    write(`${labels[kind]}${text}\n`);
  }
  write(
    problems === 0
      ? '\nThe storage is fit for use.\n'
      : `\nThe storage is not fit for use: ${problems} problem(s).\n`,
  );
  return problems === 0;
}
