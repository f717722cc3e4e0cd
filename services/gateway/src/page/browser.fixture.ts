import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { PAGE_FOLDER } from './page-files';

const CHROMIUM = process.env.ZEN_CHROMIUM ?? '/usr/bin/chromium';
/** Where to leave pictures for a person to look at; none are taken where it is not set. */
const PICTURES = process.env.ZEN_PICTURES;

/** Nothing that the browser does of its own accord: no profile, no updates, no call home. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Why the page cannot be tested here; null where it can. */
export function browserMissing(): string | null {
  if (!existsSync(CHROMIUM)) return `no browser: ${CHROMIUM} is not there (apt-get install chromium)`;
  if (!existsSync(join(PAGE_FOLDER, 'index.html'))) return 'the web page is not built (npm run build)';
  return null;
}

export async function openBrowser(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...more] });
}

/** The page, with what went wrong in it. */
export interface Visit {
  page: Page;
  /** Errors, warnings of the Content-Security-Policy and calls to other hosts; the test wants none. */
  problems: string[];
  close(): Promise<void>;
}

/** Opens the page in a profile of its own; `script` runs in it before its own. */
export async function visit(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
  script?: string,
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => {
    // A refused call is part of several tests; the page says it in words, and the browser on its console.
    const refused = /Failed to load resource|^WebSocket connection to .* failed/.test(message.text());
    if (message.type() === 'error' && !refused) problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) problems.push(`calls ${request.url()}`);
  });
  if (script !== undefined) await page.addInitScript(script);
  await page.goto(url);
  return { page, problems, close: () => context.close() };
}

/** A picture for a person to look at, in the folder that ZEN_PICTURES names. */
export async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES) await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

interface AxeResult {
  violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
}

/** Rules of WCAG 2.2 A and AA and best practices that the page breaks, each with where and why. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // Injected over the debugger, which the page's policy does not hold back.
  await page.evaluate(AXE_SOURCE);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResult;
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
  );
}

const AXE_SOURCE = (require('axe-core') as { source: string }).source;
