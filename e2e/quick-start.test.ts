import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { fencedBlocks } from './printed-shell.ts';
import { startServer } from './start-server.ts';

const repository = join(import.meta.dirname, '..');

it('the quick start of the README works as written', async () => {
  const readme = await readFile(join(repository, 'README.md'), 'utf8');
  const section = readme.split('<!-- quick-start:start -->')[1]?.split('<!-- quick-start:end -->')[0] ?? '';
  const script = fencedBlocks(section).find(({ language }) => language === 'sh')?.text ?? '';
  expect(script).toContain('releases.set-active');

  const demo = await mkdtemp(join(tmpdir(), 'capgo-quick-start-'));
  const server = await startServer({ env: { MANAGEMENT_API_TOKENS: undefined } });
  try {
    // Only where things are is replaced: ports, the data folder and the scratch folder.
    const local = script
      .replaceAll('http://localhost:8001', server.managementUrl)
      .replaceAll('http://localhost:8000', server.userUrl)
      .replaceAll('data/management-token', join(server.dataDir, 'management-token'))
      .replaceAll(/\bdemo\//g, `${demo}/`);
    const run = promisify(execFile);
    const { stdout } = await run('bash', ['-euc', local], { cwd: repository });
    expect(stdout).toContain('offered 1.0.1');
    expect(stdout).toContain('checksum is right, installed');
    expect(stdout).toContain('no update: no_new_version_available');
    expect(stdout).toContain('"action":"set"');
  } finally {
    await server.stop();
    await rm(demo, { recursive: true, force: true });
  }
});
