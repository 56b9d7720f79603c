import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { createTlsReloader } from './tls.ts';

const openssl = 'openssl';
const run = promisify(execFile);

/** Makes `<name>.crt` and `<name>.key`, self-signed, for that common name. */
async function makePair(folder: string, name: string): Promise<void> {
  await run(openssl, [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-days', '2', '-subj', `/CN=${name}`],
    ...['-keyout', join(folder, `${name}.key`), '-out', join(folder, `${name}.crt`)],
  ]);
}

const hasOpenssl = spawnSync(openssl, ['version']).status === 0;

const names = ['first', 'second', 'third'] as const;
let pairs: string;
beforeAll(async () => {
  pairs = await mkdtemp(join(tmpdir(), 'capgo-pairs-'));
  if (hasOpenssl) await Promise.all(names.map((name) => makePair(pairs, name)));
});
afterAll(() => rm(pairs, { recursive: true }));

/** A folder of its own with the first pair in place; removed when the test is over. */
async function openFolder({ onTestFinished }: Pick<TestContext, 'onTestFinished'>) {
  const folder = await mkdtemp(join(tmpdir(), 'capgo-tls-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = (name: string) => join(folder, name);
  /** Puts files of a pair in place, each at once, as certificate tools do. */
  async function install(name: (typeof names)[number], ...parts: ('.crt' | '.key')[]): Promise<void> {
    for (const part of parts) {
      await copyFile(join(pairs, `${name}${part}`), file('arriving'));
      await rename(file('arriving'), file(`tls${part}`));
    }
  }
  await install('first', '.crt', '.key');
  return { file, install, files: { certFile: file('tls.crt'), keyFile: file('tls.key') } };
}

/** A server on the files of such a folder that takes each new pair. */
async function openServer(test: Pick<TestContext, 'onTestFinished'>) {
  const folder = await openFolder(test);
  const events: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => events.push(JSON.parse(line).event) });
  const reloader = createTlsReloader(folder.files, logger);
  const server = createServer({ ...reloader.current });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  reloader.start((pair) => server.setSecureContext(pair));
  test.onTestFinished(async () => {
    reloader.stop();
    server.close();
    await once(server, 'close');
  });
  return {
    ...folder,
    failures: () => events.filter((event) => event === 'tls_reload_failed').length,
    /** The name in the certificate that a client is shown. */
    async shownName(): Promise<unknown> {
      const { port } = server.address() as AddressInfo;
      const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
      try {
        await once(socket, 'secureConnect');
        return socket.getPeerCertificate().subject.CN;
      } finally {
        socket.destroy();
      }
    },
  };
}

describe.skipIf(!hasOpenssl)('TLS files (needs openssl)', () => {
  const silent = pino({ level: 'silent' });

  it('are refused at the start when one is missing, broken or of another pair', async (test) => {
    const { file, files, install } = await openFolder(test);
    expect(() => createTlsReloader({ ...files, certFile: file('missing') }, silent)).toThrow(/ENOENT/);
    await install('second', '.key');
    expect(() => createTlsReloader(files, silent)).toThrow(/key values mismatch/);
    await writeFile(file('tls.crt'), 'not a certificate');
    expect(() => createTlsReloader(files, silent)).toThrow();
  });
});

describe.skipIf(!hasOpenssl).concurrent('an HTTPS server (needs openssl)', { timeout: 20_000 }, () => {
  const within = { timeout: 8_000, interval: 50 };

  it('shows clients a new pair within seconds of its arrival, and again the next one', async ({
    expect,
    onTestFinished,
  }) => {
    const { shownName, install } = await openServer({ onTestFinished });
    expect(await shownName()).toBe('first');
    await install('second', '.crt', '.key');
    await expect.poll(shownName, within).toBe('second');
    await install('third', '.key', '.crt');
    await expect.poll(shownName, within).toBe('third');
  });

  it('keeps the old pair while the files do not fit, and takes the new one once they do', async ({
    expect,
    onTestFinished,
  }) => {
    const { shownName, install, failures } = await openServer({ onTestFinished });
    await install('second', '.key');
    await expect.poll(failures, within).toBe(1);
    expect(await shownName()).toBe('first');
    await install('second', '.crt');
    await expect.poll(shownName, within).toBe('second');
  });

  it('keeps the old pair while a file is broken, and takes the one that replaces it', async ({
    expect,
    onTestFinished,
  }) => {
    const { file, shownName, install, failures } = await openServer({ onTestFinished });
    await writeFile(file('tls.crt'), 'not a certificate');
    await expect.poll(failures, within).toBe(1);
    expect(await shownName()).toBe('first');
    await install('second', '.key', '.crt');
    await expect.poll(shownName, within).toBe('second');
  });

  it('keeps the old pair while a file is gone, and takes the one that comes back', async ({
    expect,
    onTestFinished,
  }) => {
    const { file, shownName, install, failures } = await openServer({ onTestFinished });
    await rm(file('tls.crt'));
    await expect.poll(failures, within).toBe(1);
    expect(await shownName()).toBe('first');
    await install('second', '.key', '.crt');
    await expect.poll(shownName, within).toBe('second');
  });
});
