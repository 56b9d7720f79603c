import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { largeZip, watchedEnv, watchServer } from './large-bundle.ts';
import { managementOf } from './management.ts';
import { startServer } from './start-server.ts';

const maxRssMb = 300;
const maxBlockMs = 50;
const timeoutMs = 600_000;

test(
  'a zip of 200 MB and 5,000 files gets its manifest within bounds of memory, while checks are answered',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'capgo-probe-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const probeFile = join(folder, 'probe');
    const server = await startServer({ env: watchedEnv(probeFile) });
    onTestFinished(async () => {
      await server.stop();
    });
    const management = managementOf(server);
    const zip = await largeZip();
    // The first requests compile what answers them.
    await management.listCounters('com.example.large');
    const watch = watchServer(server, probeFile);
    let answered = 0;
    let isOver = false;
    const checking = (async () => {
      while (!isOver) {
        const response = await fetch(`${server.userUrl}/updates`, { method: 'POST', body: '{}' });
        expect(response.status).toBe(415);
        answered += 1;
      }
    })();
    const bundle = await management.uploadBundle(zip, {
      app_id: 'com.example.large',
      version_name: '1.0.0',
    });
    const { files } = await management.manifestReady(bundle.id, timeoutMs / 2);
    isOver = true;
    await checking;
    const { peakRssMb, longestBlockMs } = await watch.stop();
    expect(files).toHaveLength(5_000);
    expect(peakRssMb).toBeLessThan(maxRssMb);
    expect(longestBlockMs).toBeLessThan(maxBlockMs);
    expect(answered).toBeGreaterThan(100);
  },
  timeoutMs,
);
