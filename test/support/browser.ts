import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { afterAll, expect } from '@jest/globals';
import type axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** What keeps a browser to itself: no sandbox of its own (the tests may run as root), and no calls to its maker. */
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
];

/** A browser of the test file's own, gone when the file ends. */
export async function openBrowser(): Promise<Browser> {
  const browser = await launch();
  afterAll(() => browser.close());
  return browser;
}

/** On Linux (x64) the one that an npm package carries; elsewhere the Chrome that is installed. */
async function launch(): Promise<Browser> {
  if (process.platform === 'linux' && process.arch === 'x64')
    return chromium.launch({ executablePath: await carriedChromium(), args });
  try {
    return await chromium.launch({ channel: 'chrome', args });
  } catch (cause) {
    throw new Error('The tests of pages need Google Chrome on this machine: install it.', { cause });
  }
}

/** Unpacked once, and renamed when it is whole: test files that start side by side may both do it. */
async function carriedChromium(): Promise<string> {
  const package_ = createRequire(import.meta.url).resolve('@sparticuz/chromium');
  const { version } = createRequire(import.meta.url)('playwright-core/package.json') as { version: string };
  const dir = path.resolve(import.meta.dirname, '../../.data/test-browser');
  const binary = path.join(dir, `chromium-${version}`);
  if (existsSync(binary)) return binary;
  await mkdir(dir, { recursive: true });
  const unpacked = `${binary}.${process.pid}`;
  const packed = path.resolve(path.dirname(package_), '../bin/chromium.br');
  await pipeline(
    createReadStream(packed),
    createBrotliDecompress(),
    createWriteStream(unpacked, { mode: 0o755 }),
  );
  await rename(unpacked, binary);
  return binary;
}

/**
 * A page in a browser profile of its own. Whatever the page complains of (a script's error, the policy) fails the test. `await using`
 * closes it with its test: one that stays follows all that later tests do.
 */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ timezoneId: 'Europe/Berlin', ...options });
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // The page of an error is answered with its status, and that is no fault of the page.
    const isStatus = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isStatus) complaints.push(message.text());
  });
  return page;
}

const complaints: string[] = [];
afterAll(() => expect(complaints).toEqual([]));

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** It tells of what is right as well, and how each element is found, unless nobody reads that. */
const resultTypes = ['violations'];

/** Contrasts take axe-core longer than all the rest, which is the same in any colours. */
const ruleSets = {
  all: { runOnly: tags, resultTypes },
  contrast: { runOnly: ['color-contrast'], resultTypes },
  'all but contrast': { runOnly: tags, rules: { 'color-contrast': { enabled: false } }, resultTypes },
} as const;
export type RuleSet = keyof typeof ruleSets;

/**
 * Has axe-core in all that the page loads from now on, for `violationsOf`. Given to each page as it was asked about, in its
 * source of 1.5 MB, that took seven times as long as what axe-core does.
 */
export async function bringAxe(page: Page): Promise<void> {
  // Through the debugger: the page's policy would let no script in.
  await page.addInitScript({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') });
}

/** What axe-core finds wrong with the page as it stands, by WCAG 2.2 A and AA. */
export async function violationsOf(page: Page, ruleSet: RuleSet): Promise<string[]> {
  const results = await page.evaluate(
    (options) => (globalThis as unknown as { axe: typeof axe }).axe.run(options as unknown as axe.RunOptions),
    ruleSets[ruleSet],
  );
  return results.violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

/** What is wider than its place, and so cut off: the page itself, or a card and the like. */
export function cutOffOn(page: Page): Promise<unknown> {
  return page.evaluate(`[document.documentElement, ...document.querySelectorAll('main :not(.sr)')]
    .filter((it) => it.scrollWidth > it.clientWidth)
    .filter((it) => it === document.documentElement || getComputedStyle(it).overflowX === 'hidden')
    .map((it) => it.className || it.tagName)`);
}
