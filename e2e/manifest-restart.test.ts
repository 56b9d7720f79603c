import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { zipFiles } from '../scripts/zip.ts';
import { eventually } from './deadline.ts';
import { managementOf } from './management.ts';
import { startServer } from './start-server.ts';

const appId = 'com.example.interrupted';
const timeoutMs = 300_000;

/** A bundle whose files take the server some seconds. */
function slowBundle(): Promise<Buffer> {
  const files: Record<string, Buffer> = { 'index.html': Buffer.from('<!doctype html>') };
  for (let index = 0; index < 2_000; index += 1) {
    files[`chunks/${index}.js`] = Buffer.from(randomBytes(12_000).toString('hex'));
  }
  return zipFiles(files);
}

async function storedFiles(dataDir: string): Promise<number> {
  const folder = join(dataDir, 'storage', 'objects', 'apps', appId, 'files');
  return (await readdir(folder).catch(() => [])).length;
}

/** A server on that data, and an upload of which some files are stored and others not yet. */
async function startAtWork(dataDir: string) {
  const server = await startServer({ dataDir });
  const management = managementOf(server);
  const bundle = await management.uploadBundle(await slowBundle(), { app_id: appId, version_name: '1.0.0' });
  const stored = await eventually(
    'some files',
    async () => (await storedFiles(dataDir)) || undefined,
    60_000,
  );
  expect(stored).toBeLessThan(2_001);
  return { server, bundle };
}

async function newDataDir(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'capgo-interrupted-'));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  return dataDir;
}

test(
  'a manifest that a kill interrupted is made after the restart, with the files that were stored before',
  async () => {
    const dataDir = await newDataDir();
    const { server, bundle } = await startAtWork(dataDir);
    await server.kill();
    const before = await storedFiles(dataDir);

    const again = await startServer({ dataDir, env: { BROTLI_QUALITY: '1' } });
    // Whoever died has the work for himself until his lease ends.
    await managementOf(again).manifestReady(bundle.id, timeoutMs / 2);
    // At most the batch that was being written when it was killed was written for nothing.
    expect(before).toBeGreaterThan(0);
    expect(await storedFiles(dataDir)).toBeLessThanOrEqual(2_001 + 250);
    await again.stop();
  },
  timeoutMs,
);

test(
  'a server that is told to stop leaves a manifest for the next one, which goes on at once',
  async () => {
    const dataDir = await newDataDir();
    const { server, bundle } = await startAtWork(dataDir);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(await readdir(join(dataDir, 'storage', 'staging'))).toEqual([]);

    const again = await startServer({ dataDir, env: { BROTLI_QUALITY: '1' } });
    await managementOf(again).manifestReady(bundle.id, timeoutMs / 2);
    await again.stop();
  },
  timeoutMs,
);
