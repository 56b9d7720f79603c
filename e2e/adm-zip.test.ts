import { readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { checksum as getChecksum } from '@tomasklaen/checksum';
import AdmZip from 'adm-zip';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { beginJourney } from './app-journey.ts';
import { type RunningServer, startServer } from './start-server.ts';
import { readWebFiles, webAppOf, writeWebFiles } from './web-app.ts';

let server: RunningServer;
beforeAll(async () => {
  server = await startServer();
  return async () => {
    await server.stop();
  };
});

/** The script the documentation gives to people who zip without the CLI, on Linux and macOS. */
function zipFileUnix(filePath: string): Buffer {
  const zip = new AdmZip();
  zip.addLocalFolder(filePath);
  return zip.toBuffer();
}

/** The same script's way on Windows. */
function zipFileWindows(filePath: string): Buffer {
  const zip = new AdmZip();
  const addToZip = (folderPath: string, zipPath: string) => {
    for (const item of readdirSync(folderPath)) {
      const itemPath = join(folderPath, item);
      const stats = statSync(itemPath);
      if (stats.isFile()) {
        zip.addFile(join(zipPath, item).split(sep).join('/'), readFileSync(itemPath));
      } else if (stats.isDirectory()) {
        addToZip(itemPath, join(zipPath, item));
      }
    }
  };
  addToZip(filePath, '');
  return zip.toBuffer();
}

test.each([
  ['Unix', zipFileUnix],
  ['Windows', zipFileWindows],
])(
  'a zip made by the documented adm-zip script, %s way, keeps its SHA-256 up to the device',
  async (_, zipFile) => {
    const { device, publishZip } = await beginJourney(server);
    const web = await mkdtemp(join(tmpdir(), 'capgo-web-'));
    onTestFinished(() => rm(web, { recursive: true }));
    await writeWebFiles(web, webAppOf('1.1.0'));
    const zipped = zipFile(web);
    const checksum = await getChecksum(zipped, 'sha256');

    const bundle = await publishZip('1.1.0', zipped);
    expect(bundle).toMatchObject({ checksum, size: zipped.length, session_key: '' });
    const download = await fetch(bundle.public_download_url);
    expect(Buffer.from(await download.arrayBuffer()).equals(zipped)).toBe(true);

    expect(await device.call('getLatest')).toMatchObject({ version: '1.1.0', checksum });
    await device.checkForUpdates();
    const next = await device.call('getNextBundle');
    expect(next).toMatchObject({ version: '1.1.0', checksum });
    expect(await readWebFiles(device.bundleDirectory(next?.id ?? ''))).toEqual(webAppOf('1.1.0'));
  },
);
