import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { before } from './deadline.ts';

/** A fenced block of a page. */
export interface Block {
  readonly language: string;
  readonly text: string;
}

/** The fenced blocks of a text in Markdown, in their order. */
export function fencedBlocks(markdown: string): readonly Block[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', text = '']) => {
    return { language, text };
  });
}

/** One shell that runs what a page prints, block by block, as its readers do: variables and files of a block stay. */
export interface PrintedShell {
  /** Answers what the block printed; rejects with all it said when a command of it failed. */
  run(script: string, deadlineMs?: number): Promise<string>;
  close(): void;
}

export function openShell(folder: string): PrintedShell {
  const shell = spawn('bash', ['--noprofile', '--norc', '-eu'], { cwd: folder, stdio: 'pipe' });
  let output = '';
  let complaints = '';
  let wake = () => {};
  let hasEnded = false;
  shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    wake();
  });
  shell.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints += chunk;
  });
  shell.on('close', () => {
    hasEnded = true;
    wake();
  });
  // A shell that ended is told by 'close'; what is written to it meanwhile goes nowhere.
  shell.stdin.on('error', () => {});

  async function untilPrinted(mark: string): Promise<string> {
    for (;;) {
      const end = output.indexOf(mark);
      if (end >= 0) {
        const printed = output.slice(0, end);
        output = output.slice(end + mark.length);
        return printed;
      }
      if (hasEnded) throw new Error(`the shell ended; it had printed:\n${output}\n${complaints}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await promise;
    }
  }

  return {
    async run(script, deadlineMs = 30_000) {
      const mark = `\n-- ${randomUUID()} --\n`;
      complaints = '';
      shell.stdin.write(`${script}\nprintf '%s' '${mark}'\n`);
      return before(deadlineMs, untilPrinted(mark), () => `the block did not end:\n${script}\n${complaints}`);
    },
    close: () => void shell.kill(),
  };
}
