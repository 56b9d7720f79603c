import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canMakeCertificates, makeCertificate } from '../packages/server/src/testing/certificate.ts';
import { eventually } from './deadline.ts';
import { PrintedAnswers } from './printed-answers.ts';
import { type Block, fencedBlocks, openShell, type PrintedShell } from './printed-shell.ts';
import { type RunningServer, startServer } from './start-server.ts';

const page = await readFile(join(import.meta.dirname, '../docs/api.md'), 'utf8');
const [, ...sections] = page.split(/^## /m);
const recipes = sections.map((section) => {
  return { title: section.slice(0, section.indexOf('\n')), blocks: fencedBlocks(section) };
});

let folder: string;
let server: RunningServer;
let shell: PrintedShell;
let places: readonly (readonly [printed: string, here: string])[];
const answers = new PrintedAnswers();

/** Only where things are is replaced, and ids, keys and checksums by those that this server answered. */
const localized = (text: string) =>
  answers.inPlace(places.reduce((local, [printed, here]) => local.replaceAll(printed, here), text));

/** A block that only asks: what devices report is there a moment later. */
const isReading = ({ text }: Block) => !/\bcurl\b.* -(X|d|F|o) /.test(text.replaceAll('\\\n', ' '));

async function check(block: Block, answer: Block | undefined): Promise<void> {
  const once = async () => {
    const printed = await shell.run(localized(block.text));
    if (answer === undefined) expect(printed).toBe('');
    else
      try {
        answers.compare(JSON.parse(printed), JSON.parse(localized(answer.text)));
      } catch (error) {
        throw new Error(`${block.text}answered ${printed}, and not as printed`, { cause: error });
      }
  };
  if (!isReading(block)) return once();
  let last: unknown;
  const isDone = await eventually('the answer', async () => {
    try {
      await once();
      return true;
    } catch (error) {
      last = error;
      return undefined;
    }
  }).catch(() => false);
  if (!isDone) throw last;
}

describe.skipIf(!canMakeCertificates)('the page of recipes for the API (needs openssl)', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'capgo-recipes-'));
    const certificate = makeCertificate('localhost');
    const certificateFile = join(folder, 'localhost.crt');
    await writeFile(certificateFile, certificate.cert);
    const elsewhere = createServer(certificate, async (request, response) => {
      const path = request.url === '/app-1.1.0.zip' ? join(folder, 'app-1.1.0.zip') : undefined;
      if (path) response.end(await readFile(path));
      else response.writeHead(404).end();
    });
    elsewhere.listen(0, 'localhost');
    await once(elsewhere, 'listening');
    server = await startServer({
      env: {
        ...{ MANAGEMENT_API_TOKENS: undefined, NODE_EXTRA_CA_CERTS: certificateFile },
        ALLOW_PRIVATE_URLS: 'true',
      },
    });
    places = [
      ['http://localhost:8001', server.managementUrl],
      ['http://localhost:8000', server.userUrl],
      ['https://downloads.example.com', `https://localhost:${(elsewhere.address() as AddressInfo).port}`],
      ['data/management-token', join(server.dataDir, 'management-token')],
    ];
    shell = openShell(folder);
    return async () => {
      shell.close();
      elsewhere.close();
      await server.stop();
    };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('has ten, each with commands and what they answer', () => {
    const numbered = recipes.filter(({ title }) => /^\d+\. /.test(title));
    expect(numbered.map(({ title }) => Number.parseInt(title, 10))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const { blocks } of numbered) {
      expect(blocks.some(({ language }) => language === 'sh')).toBe(true);
      expect(blocks.some(({ language }) => language === 'json')).toBe(true);
    }
    // Nothing on the page escapes the test by its language.
    expect(new Set(fencedBlocks(page).map(({ language }) => language))).toEqual(new Set(['sh', 'json']));
  });

  it.each(recipes)('answers as printed: $title', async ({ blocks }) => {
    for (const [index, block] of blocks.entries()) {
      if (block.language !== 'sh') continue;
      const next = blocks[index + 1];
      await check(block, next?.language === 'json' ? next : undefined);
    }
  });
});
