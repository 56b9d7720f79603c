#!/usr/bin/env -S node --conditions=source
import { enableCompileCache } from 'node:module';

// Node keeps what it made of our TypeScript for the next start, which is then faster and needs some 30 MB less.
// It must be on before the first of our modules is loaded.
enableCompileCache();
const { runCli } = await import('./cli.ts');
process.exitCode = await runCli(process.argv.slice(2));
