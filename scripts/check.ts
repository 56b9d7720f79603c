/**
 * `npm run check`: everything about the text first, side by side, because no one of these uses all cores; then the tests.
 * Says of each how long it took, and what a failed one said.
 */
import { spawn } from 'node:child_process';

const beforeTests = [
  ...['check:types', 'check:format', 'check:console-types', 'check:imports', 'check:dead-code', 'check:docs'],
];

/** Runs an npm script; answers whether it succeeded. */
function run(name: string, stdio: 'pipe' | 'inherit'): Promise<boolean> {
  const startedAt = performance.now();
  const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', stdio, stdio] });
  // Kept until the end, so that what several say does not mix.
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      said += chunk;
    });
  }
  return new Promise((resolve) => {
    // Not 'exit', after which there can be more output.
    child.on('close', (code) => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      process.stdout.write(
        code === 0 ? `ok ${name} (${seconds} s)\n` : `${said}FAILED ${name} (${seconds} s)\n`,
      );
      resolve(code === 0);
    });
  });
}

const isGood = await Promise.all(beforeTests.map((name) => run(name, 'pipe')));
if (isGood.includes(false) || !(await run('test:unit', 'inherit'))) process.exitCode = 1;
