import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { largeZip, watchedEnv, watchServer } from './large-bundle.ts';
import { managementOf } from './management.ts';
import { startServer } from './start-server.ts';

const maxRssMb = 300;
const maxBlockMs = 50;
const timeoutMs = 600_000;
const appId = 'com.example.large';

test(
  'a zip of 200 MB and 5,000 files gets its manifest in 300 MB of memory, and no device waits 50 ms for it',
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
    const check = async () => {
      const response = await fetch(`${server.userUrl}/updates`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ app_id: appId, platform: 'android', device_id: '0f9c5d6a-55f1-4a3f-9d0e-2f6a5a1c7b10' },
          ...{ version_build: '1.0.1', version_code: '1', version_os: '14', version_name: '0.9.0' },
          ...{ plugin_version: '8.51.14', is_emulator: false, is_prod: true },
        }),
      });
      expect(response.status).toBe(200);
      await response.arrayBuffer();
    };
    // The first requests compile what answers them.
    for (let count = 0; count < 50; count += 1) await check();
    const watch = watchServer(server, probeFile);
    let answered = 0;
    let isOver = false;
    const checking = (async () => {
      while (!isOver) {
        await check();
        answered += 1;
        await pause(10);
      }
    })();
    const bundle = await management.uploadBundle(zip, { app_id: appId, version_name: '1.0.0' });
    const { files } = await management.manifestReady(bundle.id, timeoutMs / 2);
    const { peakRssMb, longestBlockMs } = await watch.seen();
    isOver = true;
    await checking;
    process.stdout.write(
      `${peakRssMb.toFixed(0)} MB at most, ${longestBlockMs.toFixed(0)} ms at most without a turn, ` +
        `${answered} checks answered\n`,
    );
    expect(files).toHaveLength(5_000);
    expect(peakRssMb).toBeLessThan(maxRssMb);
    expect(longestBlockMs).toBeLessThan(maxBlockMs);
    expect(answered).toBeGreaterThan(100);
  },
  timeoutMs,
);
