import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { zipFiles } from '../scripts/zip.ts';
import type { RunningServer } from './start-server.ts';

const files = 5_000;
const totalBytes = 200_000_000;

/** A bundle of 5,000 files and 200 MB: half of it pictures, the other half scripts of three sizes, the largest of 9 MB. */
export async function largeZip(): Promise<Buffer> {
  const content: Record<string, Buffer> = { 'index.html': Buffer.from('<!doctype html>') };
  const line = (index: number) =>
    `export const value${index} = [${index}, "some text of a script", ${index * 7}];\n`;
  const script = (index: number, bytes: number) => {
    const lines: string[] = [];
    for (let length = 0, at = 0; length < bytes; at += 1) {
      const text = line(index * 1_000 + at);
      lines.push(text);
      length += text.length;
    }
    return Buffer.from(lines.join('')).subarray(0, bytes);
  };
  for (let index = 0; index < 4; index += 1) content[`large/${index}.js`] = script(index, 9_000_000);
  const each = Math.floor((totalBytes - 36_000_000) / (files - 5));
  for (let index = 5; index < files; index += 1) {
    if (index % 2 === 0) content[`scripts/${index % 50}/${index}.js`] = script(index, each);
    else {
      const blocks: Buffer[] = [];
      for (let block = 0; block * 64 < each; block += 1) {
        blocks.push(createHash('sha512').update(`${index} ${block}`).digest());
      }
      content[`pictures/${index % 50}/${index}.jpg`] = Buffer.concat(blocks).subarray(0, each);
    }
  }
  return zipFiles(content);
}

export interface Watched {
  readonly peakRssMb: number;
  /** The most that the main thread computed in one go. */
  readonly longestBlockMs: number;
  readonly cpuSeconds: number;
}

/** Settings of a server that is to be watched. */
export function watchedEnv(probeFile: string): Readonly<Record<string, string>> {
  const probe = new URL('loop-probe.mjs', import.meta.url).href;
  return { NODE_OPTIONS: `--import ${probe}`, LOOP_PROBE_FILE: probeFile };
}

async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** What the probe noted since a time; nothing when there was nothing to note. */
async function longestSince(probeFile: string, sinceMs: number): Promise<number> {
  const text = await readFile(probeFile, 'utf8').catch(() => '');
  const noted = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { at: number; computedMs: number })
    .filter(({ at }) => at >= sinceMs);
  return Math.max(0, ...noted.map(({ computedMs }) => computedMs));
}

/** Watches memory and event loop of a server that was started with `watchedEnv`, on Linux. */
export function watchServer(server: RunningServer, probeFile: string) {
  const pid = server.process.pid ?? 0;
  const sinceMs = Date.now();
  let peakRssMb = 0;
  const cpuBefore = cpuSecondsOf(pid);

  async function look(): Promise<void> {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    peakRssMb = Math.max(peakRssMb, Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
  }
  let looking = look();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, 100);

  return {
    async stop(): Promise<Watched> {
      clearInterval(timer);
      await looking;
      await look();
      return {
        peakRssMb,
        longestBlockMs: await longestSince(probeFile, sinceMs),
        cpuSeconds: (await cpuSecondsOf(pid)) - (await cpuBefore),
      };
    },
  };
}
