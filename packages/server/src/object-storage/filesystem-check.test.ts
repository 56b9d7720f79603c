import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { StorageFinding } from '../ports/storage-check.ts';
import { sourceOf } from './contract/object-storage-contract.ts';
import { createFilesystemObjectStorage } from './filesystem.ts';
import { checkFilesystem } from './filesystem-check.ts';

async function openFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-check-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function findingsIn(folder: string): Promise<StorageFinding[]> {
  const findings: StorageFinding[] = [];
  for await (const finding of checkFilesystem(folder)) findings.push(finding);
  return findings;
}

it('the check of a folder finds nothing wrong, leaves nothing, and disturbs no server that uses it', async () => {
  const folder = await openFolder();
  const storage = await createFilesystemObjectStorage(folder);
  const staged = await storage.stage(sourceOf('a bundle on its way'));
  const before = await readdir(folder);
  expect(await findingsIn(folder)).toEqual([
    { kind: 'ok', text: `bundles can be written to, read from and deleted in ${folder}` },
  ]);
  expect(await readdir(folder)).toEqual(before);
  await staged.store('a/b');
});

it('the check of a folder says why nothing can be written there', async () => {
  const folder = join(await openFolder(), 'missing');
  const [finding] = await findingsIn(folder);
  expect(finding?.kind).toBe('problem');
  expect(finding?.text).toMatch(`bundles cannot be kept in ${folder}: ENOENT`);
});
