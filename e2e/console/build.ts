import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** The console as it is now, before anybody looks at it. */
export function setup(): void {
  const repository = join(import.meta.dirname, '..', '..');
  const { status } = spawnSync(
    process.execPath,
    ['--conditions=source', join(repository, 'packages/console/build.ts'), '--if-needed'],
    { cwd: repository, stdio: 'inherit' },
  );
  if (status !== 0) throw new Error('The console cannot be built');
}
