import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { openGateway, PacedThinker, type Running, until } from '../gateway.fixture';
import { digestOf, newKey } from '../keys/key-entry';
import {
  accessibilityProblems,
  browserMissing,
  openBrowser,
  picture,
  type Visit,
  visit,
} from './browser.fixture';

jest.setTimeout(60_000);

const missing = browserMissing();
if (missing) console.warn(`skipped: ${missing}`);

const WORDS = 'The sky is blue because air scatters short waves of light. That is all there is to it. '.split(
  /(?<= )/,
);
/** The paced thinker always ends at its limit. */
const END = 'The answer was cut off at the limit of tokens.';
const STAGES = [0, 1, 2, 3, 4].map((stage) => {
  return { stage, decodeBaseUs: 1000, decodePerSequenceUs: 0, prefillUsPerToken: 0 };
});

/** What only a thinker that does as it is told can show: a climb in mid-answer, refusals, a server that leaves. */
(missing ? describe.skip : describe)('the page in a browser', () => {
  let browser: Browser;
  let thinker: PacedThinker;
  let running: Running;
  let open: Visit;
  let page: Page;
  /** Lets the thinker's answers go on to this piece; by default they run freely. */
  let upTo: number;

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    upTo = Number.POSITIVE_INFINITY;
    thinker = new PacedThinker({
      stages: STAGES,
      attachedTo: 1,
      pieceMs: 5,
      piece: (index) => WORDS[index % WORDS.length] ?? '',
      stageBytes: (stage) => 10_000_000 * (stage + 1),
      before: async (index, _, { signal }) => {
        while (index >= upTo && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, 5));
      },
    });
    // An answer that has nowhere to go on ends soon.
    running = await openGateway([thinker], { ZEN_RESUME_WAIT: '200ms' });
  });
  afterEach(async () => {
    await open.close();
    await running.stop();
  });

  async function start(options: Parameters<typeof visit>[2] = {}): Promise<void> {
    open = await visit(browser, `${running.url}/`, options);
    page = open.page;
  }

  const send = async (text: string) => {
    await page.getByLabel('Your message').fill(text);
    await page.keyboard.press('Enter');
  };
  const rung = (stage: number) => page.locator(`.rung[data-stage="${stage}"]`);
  const answer = () => page.getByRole('article', { name: 'Answer' }).last();
  const fact = (name: string) => answer().getByRole('term').filter({ hasText: name }).locator('+ dd');

  test('without a microphone the page says so, and can be asked again', async () => {
    await start();
    await page.getByRole('button', { name: 'Voice' }).click();
    const begin = page.getByRole('button', { name: 'Start' });
    await begin.click();
    await page
      .getByRole('alert')
      .getByText(/microphone/i)
      .waitFor();
    expect(await begin.isEnabled()).toBe(true);
    expect(await accessibilityProblems(page)).toEqual([]);
  });

  test('the ladder fills, and an answer that climbs shows which stage wrote what', async () => {
    await start();
    await rung(1).getByText('answers now').waitFor();
    thinker.climb(1, 0.5, 2_500_000);
    await rung(2).getByText('15.0 MB of 30.0 MB, in 6 s').waitFor();
    expect(await page.getByRole('progressbar', { name: 'Stage 2' }).getAttribute('aria-valuenow')).toBe('50');
    upTo = 4;
    await send('Why?');
    await answer().getByText('The sky is blue').waitFor();
    thinker.climb(2);
    await rung(2).getByText('answers now').waitFor();
    upTo = 8;
    await answer().locator('.run[data-stage="2"]').waitFor();
    await picture(page, 'mid-climb');
    upTo = Number.POSITIVE_INFINITY;
    await fact('Stages').getByText('1 → 2').waitFor();
    expect(await fact('Stages').textContent()).toBe('1 → 2 the best that has arrived');
    await fact('Tokens').waitFor();
    expect(await answer().locator('.run').count()).toBe(2);
    expect(await fact('Agreement').textContent()).toBe('80.0 % KL 0.20');
    expect(await fact('First token').textContent()).toMatch(/^\d+(\.\d)? m?s$/);
    expect(await fact('Per token').textContent()).toMatch(/^\d+(\.\d)? ms \d+ tokens\/s$/);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(open.problems).toEqual([]);
  });

  test('stop, then on with the same conversation, then clear', async () => {
    await start();
    upTo = 3;
    await send('First');
    await answer().getByText('The sky is').waitFor();
    await page.getByRole('button', { name: 'Stop', exact: true }).click();
    await answer().getByText('Stopped.').waitFor();
    await until('the thinker was told', () => thinker.cancelled === 1);
    upTo = Number.POSITIVE_INFINITY;
    await send('Second');
    await fact('Tokens').waitFor();
    const { prompt } = thinker.requests[1] ?? {};
    expect(prompt?.value).toMatchObject({
      messages: [
        { role: 'user', content: 'First' },
        { role: 'assistant', content: 'The sky is ' },
        { role: 'user', content: 'Second' },
      ],
    });
    await page.getByRole('button', { name: 'Clear' }).click();
    expect(await page.getByRole('article').count()).toBe(0);
    expect(await page.evaluate('document.activeElement.id')).toBe('prompt');
  });

  test('Escape stops, Shift+Enter makes a line, and all of it is reached by Tab', async () => {
    await start();
    await rung(1).getByText('answers now').waitFor();
    const reached: string[] = [];
    for (let presses = 0; presses < 30; presses++) {
      await page.keyboard.press('Tab');
      const name = await page.evaluate(
        '(({id, textContent, ariaLabel}) => id || ariaLabel || textContent)(document.activeElement)',
      );
      reached.push(String(name).trim());
      const { outlineStyle } = (await page.evaluate(
        '({ outlineStyle: getComputedStyle(document.activeElement).outlineStyle })',
      )) as { outlineStyle: string };
      if (name === 'prompt') break;
      expect([name, outlineStyle]).toEqual([name, expect.not.stringMatching('none')]);
    }
    expect(reached[0]).toBe('Skip to your message');
    for (const name of [
      'Chat',
      'Compare',
      'model',
      'Key',
      'load',
      'Conversation',
      'stage',
      'Clear',
      'prompt',
    ]) {
      expect(reached).toContain(name);
    }
    await page.getByLabel('Your message').fill('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    upTo = 1;
    await page.keyboard.press('Enter');
    await answer().locator('.run').waitFor();
    await page.keyboard.press('Escape');
    await answer().getByText('Stopped.').waitFor();
    expect(await page.locator('.prompt').textContent()).toContain('one\ntwo');
  });

  test('a screen reader is told sentences, not tokens', async () => {
    await start();
    await page.evaluate(`
      window.said = [];
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes) for (const node of addedNodes) said.push(node.textContent);
      }).observe(document.querySelector('[role=log]'), { childList: true });
    `);
    await send('Why?');
    await fact('Tokens').waitFor();
    await until('the end was said', async () => ((await page.evaluate('said')) as string[]).includes(END));
    const said = (await page.evaluate('said')) as string[];
    expect(said[0]).toBe('Answer from stage 1:');
    const whole = [...Array(256).keys()].map((index) => WORDS[index % WORDS.length]).join('');
    expect(said.slice(1, -1).join(' ')).toBe(whole.trim());
    expect(said.length).toBeLessThan(20);
    expect(await answer().getAttribute('aria-busy')).toBe('false');
  });

  test('a server that leaves in mid-answer is named, and the page finds it again', async () => {
    await start();
    upTo = 3;
    await send('Why?');
    await answer().getByText('The sky is').waitFor();
    const { address } = thinker;
    await thinker.stop();
    await answer().getByRole('alert').waitFor();
    await picture(page, 'error');
    // Until the gateway's report says so, the page still shows what it knew.
    const serving = rung(1).getByText('answers now');
    await serving.waitFor({ state: 'hidden' });
    await thinker.start(Number(address.split(':')[1]));
    await serving.waitFor();
    upTo = Number.POSITIVE_INFINITY;
    await page.getByRole('button', { name: 'Try again' }).click();
    await fact('Tokens').waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  test('360 pixels wide: everything is there, nothing sticks out', async () => {
    await start({ viewport: { width: 360, height: 640 }, colorScheme: 'dark', hasTouch: true });
    await page.locator('summary').getByText('stage 1 of 4').waitFor();
    await send('Why? '.repeat(40));
    await fact('Tokens').waitFor();
    await picture(page, 'phone-dark');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    await page.locator('summary').click();
    await rung(4).waitFor();
    await picture(page, 'phone-ladder');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(await accessibilityProblems(page)).toEqual([]);
  });
});

(missing ? describe.skip : describe)('the page before a gateway with keys', () => {
  test('asks for the key, keeps it in the tab alone, tells a limit in words', async () => {
    const key = newKey();
    const folder = await mkdtemp(join(tmpdir(), 'zen-page-'));
    const file = join(folder, 'keys');
    await writeFile(file, `sha256:${digestOf(key).toString('hex')} tenant=acme rpm=1\n`);
    const running = await openGateway([new PacedThinker({ attachedTo: 0, stages: STAGES })], {
      ZEN_API_KEYS: file,
    });
    const browser = await openBrowser();
    const { page, close } = await visit(browser, `${running.url}/`);
    const dialog = page.getByRole('dialog', { name: 'API key' });
    await dialog.getByText('This server needs a key.').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await picture(page, 'key');
    await dialog.getByLabel('Key').fill(newKey());
    await page.keyboard.press('Enter');
    await dialog.getByText('This server needs a key.').waitFor();
    await dialog.getByLabel('Key').fill(key);
    await page.keyboard.press('Enter');
    await page.locator('.rung[data-stage="0"]').getByText('answers now').waitFor();
    const ask = async () => {
      await page.getByLabel('Your message').fill('Hello');
      await page.keyboard.press('Enter');
    };
    await ask();
    await page.getByRole('term').filter({ hasText: 'Tokens' }).waitFor();
    await ask();
    await page
      .getByRole('alert')
      .getByText(/reached its limit .* It may work again in \d+ s/)
      .waitFor();
    const kept =
      '[JSON.stringify(localStorage), document.cookie, location.href, sessionStorage.getItem("zen-key")]';
    expect(await page.evaluate(kept)).toEqual(['{}', '', `${running.url}/`, key]);
    await close();
    await browser.close();
    await running.stop();
    await rm(folder, { recursive: true });
  });
});
