import type { Browser, Page } from 'playwright-core';
import { until } from '../gateway.fixture';
import { type RealServer, realLadder, startRealServer } from '../smollm2.fixture';
import {
  accessibilityProblems,
  browserMissing,
  openBrowser,
  picture,
  type Visit,
  visit,
} from './browser.fixture';

jest.setTimeout(120_000);

const ladder = realLadder();
const missing = browserMissing() ?? ('missing' in ladder ? ladder.missing : null);
if (missing) console.warn(`skipped: ${missing}`);

/** The page before gateway, thinker and engine with real weights. */
(missing ? describe.skip : describe)('SmolLM2 in a browser', () => {
  let server: RealServer;
  let browser: Browser;
  let open: Visit;
  let page: Page;

  beforeAll(async () => {
    server = await startRealServer('folder' in ladder ? ladder.folder : '');
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await server.stop();
  });
  beforeEach(async () => {
    open = await visit(browser, `${server.url}/`);
    page = open.page;
    await page.locator('.rung[data-stage="4"]').getByText('answers now').waitFor();
  });
  afterEach(async () => {
    await open.close();
    expect(open.problems).toEqual([]);
  });

  const ask = async (text: string) => {
    await page.locator('#prompt').fill(text);
    await page.keyboard.press('Enter');
  };
  const facts = (of: string) => page.getByRole('article', { name: of, exact: true }).locator('.facts');

  test('a chat: tinted by its stage, with quality and latency', async () => {
    await page.getByLabel('Tokens').fill('48');
    await ask('Why is the sky blue?');
    await facts('Answer').getByText('tokens/s').waitFor();
    const answer = page.getByRole('article', { name: 'Answer' });
    expect((await answer.locator('.run').textContent())?.split(' ').length).toBeGreaterThan(10);
    const tint = 'getComputedStyle(document.querySelector(".answer .run")).backgroundColor';
    expect(await page.evaluate(tint)).not.toBe('rgba(0, 0, 0, 0)');
    await picture(page, 'chat-light');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture(page, 'chat-dark');
    expect(await accessibilityProblems(page)).toEqual([]);
  });

  test('two stages side by side', async () => {
    await page.getByRole('button', { name: 'Compare' }).click();
    await page.getByLabel('Tokens').fill('32');
    await page.getByLabel('Left').selectOption('0');
    await page.getByLabel('Right').selectOption('4');
    await ask('Name three colours.');
    for (const stage of ['0', '4']) {
      const answer = page.getByRole('article', { name: `Answer of stage ${stage}` });
      await answer.getByText('tokens/s').waitFor();
      expect(await answer.locator('.run').getAttribute('data-stage')).toBe(stage);
      await answer.getByText('as asked').waitFor();
    }
    await picture(page, 'compare');
    expect(await accessibilityProblems(page)).toEqual([]);
  });

  test('the load slider: many answers at once, and none once it is back at zero', async () => {
    const slider = page.getByRole('slider', { name: 'Streams' });
    await slider.focus();
    for (let presses = 0; presses < 12; presses++) await page.keyboard.press('ArrowRight');
    await page.getByText(/^[1-9]\d* answered, 0 refused/).waitFor({ timeout: 60_000 });
    await picture(page, 'load');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Stop the load' }).click();
    expect(await slider.inputValue()).toBe('0');
    await until('nothing runs', async () => {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      // Only the page's own watch on the progress is left.
      return Number(/^zen_gateway_requests_in_flight (\d+)/m.exec(metrics)?.[1]) <= 1;
    });
  });

  test('a hidden page puts no load on the server and holds no connection', async () => {
    await page.getByRole('slider', { name: 'Streams' }).fill('3');
    await page.getByText(/\d+ answered/).waitFor({ timeout: 60_000 });
    await page.evaluate(`
      Object.defineProperty(document, 'hidden', { value: true, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    `);
    await until('nobody is inside', async () => {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      return Number(/^zen_gateway_requests_in_flight (\d+)/m.exec(metrics)?.[1]) === 0;
    });
    expect(await page.getByRole('slider', { name: 'Streams' }).inputValue()).toBe('0');
  });
});
