import { createCipheriv } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { zipFiles } from '../scripts/zip.ts';
import type { RunningServer } from './start-server.ts';

const files = 5_000;
const totalBytes = 200_000_000;
const largeScripts = 2;
const largeScriptBytes = 9_000_000;

/** Bytes that nothing can compress, the same in every run. */
function noise(seed: number, length: number): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Lines that look alike and of which none comes twice. */
function script(seed: number, bytes: number): Buffer {
  const lines: string[] = [];
  for (let length = 0, at = seed * 1_000; length < bytes; at += 1) {
    const text = `export const value${at} = [${at}, "some text of a script", ${at * 7}];\n`;
    lines.push(text);
    length += text.length;
  }
  return Buffer.from(lines.join('')).subarray(0, bytes);
}

/** A bundle of 5,000 files and 200 MB: half of it pictures, the other half scripts, two of them of 9 MB. */
export async function largeZip(): Promise<Buffer> {
  const content: Record<string, Buffer> = { 'index.html': Buffer.from('<!doctype html>') };
  for (let index = 0; index < largeScripts; index += 1)
    content[`large/${index}.js`] = script(index, largeScriptBytes);
  const each = Math.floor((totalBytes - largeScripts * largeScriptBytes) / (files - largeScripts - 1));
  for (let index = largeScripts + 1; index < files; index += 1) {
    if (index % 2 === 0) content[`scripts/${index % 50}/${index}.js`] = script(index, each);
    else content[`pictures/${index % 50}/${index}.jpg`] = noise(index, each);
  }
  return zipFiles(content);
}

/** A while in which the main thread computed without a pause. */
interface Block {
  readonly at: number;
  readonly computedMs: number;
}

export interface Watched {
  /** The most that the server ever had in memory, from its start on. */
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

/** What the probe noted since a time. */
async function blocksSince(probeFile: string, sinceMs: number): Promise<readonly Block[]> {
  const lines = (await readFile(probeFile, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as Block).filter(({ at }) => at >= sinceMs);
}

/** Watches memory and event loop of a server that was started with `watchedEnv`, on Linux. */
export function watchServer(server: RunningServer, probeFile: string) {
  const pid = server.process.pid ?? 0;
  const sinceMs = Date.now();
  const cpuBefore = cpuSecondsOf(pid);
  return {
    async seen(): Promise<Watched> {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const blocks = await blocksSince(probeFile, sinceMs);
      return {
        peakRssMb: Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024,
        longestBlockMs: Math.max(0, ...blocks.map(({ computedMs }) => computedMs)),
        cpuSeconds: (await cpuSecondsOf(pid)) - (await cpuBefore),
      };
    },
  };
}
