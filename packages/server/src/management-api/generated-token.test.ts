import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findOrCreateToken } from './generated-token.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capgo-token-'));
  file = join(folder, 'management-token');
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('makes a token once, for its owner alone, and finds it afterwards', async () => {
  const made = await findOrCreateToken(file);
  expect(made).toEqual({ token: expect.stringMatching(/^[\w-]{32,}$/), isNew: true });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await findOrCreateToken(file)).toEqual({ token: made.token, isNew: false });
});

it('makes one token however many starts ask at once, and leaves nothing else behind', async () => {
  const answers = await Promise.all(Array.from({ length: 10 }, () => findOrCreateToken(file)));
  expect(new Set(answers.map(({ token }) => token)).size).toBe(1);
  expect(answers.filter(({ isNew }) => isNew)).toHaveLength(1);
  expect(await readdir(folder)).toEqual(['management-token']);
});

it('takes away what others may read', async () => {
  await writeFile(file, 'x'.repeat(40), { mode: 0o644 });
  expect(await findOrCreateToken(file)).toEqual({ token: 'x'.repeat(40), isNew: false });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it('refuses a token that is too short to be safe, and keeps the file', async () => {
  await writeFile(file, 'short');
  await expect(findOrCreateToken(file)).rejects.toThrow(/delete the file.*MANAGEMENT_API_TOKENS/);
  expect(await readFile(file, 'utf8')).toBe('short');
});
