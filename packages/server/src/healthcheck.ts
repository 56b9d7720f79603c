import { isServing } from './commands/is-serving.ts';
import { loadConfig } from './config.ts';

// A program of its own, because a container runs it every few seconds: it loads a twentieth of what main.ts loads.
process.exitCode = (await isServing(loadConfig())) ? 0 : 1;
