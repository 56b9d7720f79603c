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
  /** As the server itself measures it, by a timer that is late. */
  readonly longestBlockMs: number;
  readonly cpuSeconds: number;
}

async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Watches memory and event loop of a server, on Linux. */
export function watchServer(server: RunningServer) {
  const pid = server.process.pid ?? 0;
  let peakRssMb = 0;
  let longestBlockMs = 0;
  const cpuBefore = cpuSecondsOf(pid);

  async function look(): Promise<void> {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    peakRssMb = Math.max(peakRssMb, Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
    const metrics = await (await fetch(`${server.metricsUrl}/metrics`)).text();
    const lag = Number(/^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(metrics)?.[1]);
    longestBlockMs = Math.max(longestBlockMs, lag * 1_000);
  }
  let looking: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    looking = looking.then(look);
  }, 250);

  return {
    async stop(): Promise<Watched> {
      clearInterval(timer);
      await looking;
      await look();
      return { peakRssMb, longestBlockMs, cpuSeconds: (await cpuSecondsOf(pid)) - (await cpuBefore) };
    },
  };
}
