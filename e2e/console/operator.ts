import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';
import { chromiumPath } from './chromium.ts';

/** Where a person can look at every page; not kept in the repository. */
export const screenshotFolder = join(import.meta.dirname, '..', '..', '.tmp', 'screenshots');
const axePath = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const wide = { width: 1440, height: 900 };
const narrow = { width: 360, height: 740 };

/** One operator before one browser, on one server. */
export interface Operator {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly url: string;
  /** Opens a page below `/ui`, signed in when a key was given. */
  open(path: string): Promise<void>;
  signIn(key: string): Promise<void>;
  /** Drags a file or a folder of this machine onto an element and lets it go there, as a hand would. */
  drop(path: string, onto: Locator): Promise<void>;
  /** Fails when axe-core finds a serious or critical violation in the page as it is, in both colour schemes. */
  expectAccessible(): Promise<void>;
  /** Four pictures of the page as it is: light, dark, and both narrow. Rejects when the narrow one scrolls sideways. */
  photograph(name: string): Promise<void>;
  /** Opens a page anew and answers after how many milliseconds it was there whole and the browser had time for a click. */
  timeToInteractive(path: string): Promise<number>;
  close(): Promise<void>;
}

/** In the page: when its content was there, and when its last long task was over. */
const interactiveScript = `(() => {
  let endOfTasks = 0;
  new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) endOfTasks = Math.max(endOfTasks, startTime + duration);
  }).observe({ type: 'longtask', buffered: true });
  let isThereAt;
  const look = () => {
    if (document.querySelector('h1') && !document.querySelector('[aria-busy="true"]')) isThereAt = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  window.whenInteractive = () => isThereAt === undefined ? undefined : Math.max(isThereAt, endOfTasks);
})()`;

let browser: Promise<Browser> | undefined;

function openBrowser(): Promise<Browser> {
  browser ??= chromium.launch({
    ...(chromiumPath === undefined ? {} : { executablePath: chromiumPath }),
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      // Names for servers of this machine, whose pages are of other origins.
      '--host-resolver-rules=MAP *.test 127.0.0.1',
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
  return browser;
}

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
}

/** What axe looks for, and of that what another colour scheme may change. */
const everything = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const colours = ['color-contrast', 'link-in-text-block'];

async function violationsOf(page: Page, runOnly: readonly string[]): Promise<string[]> {
  if ((await page.evaluate('typeof axe')) === 'undefined')
    await page.evaluate(await readFile(axePath, 'utf8'));
  const results = (await page.evaluate(
    `axe.run(document, { resultTypes: ['violations'], runOnly: ${JSON.stringify(runOnly)} })`,
  )) as AxeResults;
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, help, nodes }) =>
        `${id}: ${help}: ${nodes.map(({ html, any }) => `${html} ${any[0]?.message ?? ''}`).join(' | ')}`,
    );
}

/**
 * Waits until an expression of the page is true. As text, because the browser's types are not this program's; and
 * evaluated from outside, because the page's own policy forbids it to evaluate any.
 */
async function untilTrue(page: Page, expression: string): Promise<void> {
  const deadline = Date.now() + 15_000;
  while ((await page.evaluate(expression)) !== true) {
    if (Date.now() > deadline) throw new Error(`${page.url()}: not true in time: ${expression}`);
    await page.waitForTimeout(50);
  }
}

/** Waits until nothing moves and nothing is on its way. */
async function untilStill(page: Page): Promise<void> {
  await untilTrue(page, `document.querySelectorAll('[aria-busy="true"]').length === 0`);
  await untilTrue(
    page,
    `document.getAnimations().every(({ playState, effect }) => playState !== 'running' || effect?.getTiming().iterations === Infinity)`,
  );
}

/** Refusals of the server, which pages show; and a header that means nothing over plain http, which is what some tests are for. */
const ignored = /Failed to load resource|Cross-Origin-Opener-Policy header has been ignored/;

/** @param url the management API's, with the prefix of a proxy when there is one */
export async function startOperator(url: string, key?: string): Promise<Operator> {
  const context = await (await openBrowser()).newContext({
    viewport: wide,
    colorScheme: 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'Europe/Paris',
  });
  if (key !== undefined) {
    await context.addInitScript(`sessionStorage.setItem('capgo-server.key', ${JSON.stringify(key)})`);
  }
  await context.addInitScript(interactiveScript);
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  /** What the browser refused or a script threw: the console must do without both. */
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !ignored.test(message.text())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));

  async function inScheme(scheme: 'light' | 'dark'): Promise<void> {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    await untilTrue(
      page,
      `document.documentElement.getAttribute('data-mantine-color-scheme') === '${scheme}'`,
    );
    // Colours change over a moment, which begins with the next frame.
    await page.evaluate(
      'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
    );
    await untilStill(page);
  }

  return {
    page,
    context,
    url,
    async open(path) {
      await page.goto(`${url}/ui${path}`);
    },
    async signIn(given) {
      await page.getByLabel('Management token or API key').fill(given);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    },
    async drop(path, onto) {
      await onto.scrollIntoViewIfNeeded();
      const box = await onto.boundingBox();
      if (!box) throw new Error('There is nothing to drop onto');
      const { x, y } = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      const devtools = await context.newCDPSession(page);
      // Copying; what only the browser itself may say: a page cannot make up a folder.
      const data = { items: [], files: [path], dragOperationsMask: 1 };
      for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
        await devtools.send('Input.dispatchDragEvent', { type, x, y, data });
      await devtools.detach();
    },
    async expectAccessible() {
      await untilStill(page);
      for (const scheme of ['light', 'dark'] as const) {
        await inScheme(scheme);
        const violations = await violationsOf(page, scheme === 'light' ? everything : colours);
        if (violations.length > 0) throw new Error(`${page.url()} (${scheme}):\n${violations.join('\n')}`);
      }
      await inScheme('light');
      if (complaints.length > 0) throw new Error(`the browser complained: ${complaints.join('\n')}`);
    },
    async photograph(name) {
      mkdirSync(screenshotFolder, { recursive: true });
      await untilStill(page);
      for (const [size, viewport] of [
        ['wide', wide],
        ['narrow', narrow],
      ] as const) {
        await page.setViewportSize(viewport);
        await page.evaluate('window.scrollTo(0, 0)');
        for (const scheme of ['light', 'dark'] as const) {
          await inScheme(scheme);
          await page.screenshot({
            path: join(screenshotFolder, `${name}-${size}-${scheme}.png`),
            fullPage: true,
          });
        }
        const overflow = Number(
          await page.evaluate('document.documentElement.scrollWidth - window.innerWidth'),
        );
        if (overflow > 0) throw new Error(`${name} is ${overflow} px too wide at ${viewport.width} px`);
      }
      await page.setViewportSize(wide);
      await inScheme('light');
    },
    async timeToInteractive(path) {
      await page.goto(`${url}/ui${path}`);
      await untilTrue(page, 'window.whenInteractive() !== undefined');
      // What is still to be drawn is a long task, too.
      await page.waitForTimeout(200);
      return Number(await page.evaluate('window.whenInteractive()'));
    },
    close: () => context.close(),
  };
}
