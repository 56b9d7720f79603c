import { keys, keysUsage, UsageError } from './commands/keys.ts';
import { serve } from './commands/serve.ts';
import { storageCheck } from './commands/storage-check.ts';
import { composeApiKeys, composeStorageCheck } from './compose.ts';
import { ConfigError, loadConfig } from './config.ts';
import { AppError } from './domain/errors.ts';

const usage = `Usage: capgo-server [command]

  serve           run the server (default)
${keysUsage}  storage check   try out where bundles are kept, and say what is wrong with it
  help            print this text

Settings come from the environment and from config.yml; docs/generated/config.md lists them.
`;

function isPortTaken(error: unknown): error is Error & { port: number } {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE' && 'port' in error;
}

function explain(error: unknown): string {
  if (error instanceof ConfigError || error instanceof AppError || error instanceof UsageError) {
    return error.message;
  }
  if (isPortTaken(error))
    return `Port ${error.port} is in use by another program; choose another, or 0 for any free one`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Works on the database itself, also while a server does: it is told by the log of changes. */
async function runKeys(args: readonly string[]): Promise<number> {
  let close = async () => {};
  const open = async () => {
    const opened = await composeApiKeys(loadConfig());
    close = opened.close;
    return opened.apiKeys;
  };
  try {
    await keys(args, open, {
      out: (text) => process.stdout.write(text),
      err: (text) => process.stderr.write(text),
    });
    return 0;
  } finally {
    await close();
  }
}

async function run(args: readonly string[]): Promise<number> {
  const command = args.join(' ');
  if (args[0] === 'keys') return runKeys(args.slice(1));
  switch (command) {
    case 'serve':
      await serve(loadConfig());
      return 0;
    case 'storage check': {
      const isFit = await storageCheck(composeStorageCheck(loadConfig()), (line) =>
        process.stdout.write(line),
      );
      return isFit ? 0 : 1;
    }
    case 'help':
    case '--help':
      process.stdout.write(usage);
      return 0;
    default:
      process.stderr.write(`Unknown command ${command}\n\n${usage}`);
      return 1;
  }
}

/**
 * Runs one command and answers the exit code; what cannot be done is said on stderr.
 *
 * @param args the command line without the program
 */
export async function runCli(args: readonly string[]): Promise<number> {
  try {
    return await run(args.length === 0 ? ['serve'] : args);
  } catch (error) {
    process.stderr.write(`capgo-server cannot run: ${explain(error)}\n`);
    return 1;
  }
}
