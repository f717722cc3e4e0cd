import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endServices, type ServiceProcess, serviceMissing, startService } from '@zen/testing';
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
import { type CutProxy, openCutProxy } from './cut-proxy.fixture';
import { microphoneFlags, recordSentence } from './fake-microphone.fixture';

jest.setTimeout(180_000);

const ladder = realLadder();
const missing = browserMissing() ?? serviceMissing('talker') ?? ('missing' in ladder ? ladder.missing : null);
if (missing) console.warn(`skipped: ${missing}`);

/** Taps what the page gives to the loudspeaker. */
const EAVESDROP = `
  const connect = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (to, ...more) {
    if (to === this.context.destination) {
      globalThis.tap = this.context.createAnalyser();
      connect.call(this, globalThis.tap);
    }
    return connect.call(this, to, ...more);
  };
`;
const OUT_PEAK = `(() => {
  const samples = new Float32Array(globalThis.tap.fftSize);
  globalThis.tap.getFloatTimeDomainData(samples);
  return Math.max(...samples.map(Math.abs));
})()`;
/** Whether the level has been on one side of a border for half a second. */
const STAYS = (isLoud: boolean) => `new Promise((resolve) => {
  const meter = document.getElementById('level');
  let since = performance.now();
  const look = () => {
    const now = performance.now();
    if (${isLoud ? 'meter.value > 0.5' : 'meter.value > 0.2'}) {
      if (${isLoud}) return resolve(true);
      since = now;
    }
    if (!${isLoud} && now - since > 500) return resolve(true);
    setTimeout(look, 10);
  };
  look();
})`;

/** A person with a microphone before the page, gateway, thinker and talker with real weights. */
(missing ? describe.skip : describe)('a spoken conversation in a browser', () => {
  let talker: ServiceProcess;
  let server: RealServer;
  let folder: string;
  let browser: Browser;
  let open: Visit | undefined;
  let page: Page;
  /** Events of the server. */
  let received: { type: string; event_id?: string; audio_end_ms: number; error?: { code: string } }[];
  let wire: CutProxy;
  /** WebSockets that the page has opened, or tried to. */
  let attempts = 0;

  beforeAll(async () => {
    talker = await startService('talker', { ZEN_PROBE_LISTEN: '127.0.0.1:0' }, 'voices here');
    server = await startRealServer('folder' in ladder ? ladder.folder : '', { ZEN_TALKERS: talker.address });
    folder = await mkdtemp(join(tmpdir(), 'zen-voice-'));
    const file = join(folder, 'question.wav');
    await recordSentence(server.url, 'Please tell me a long story about the blue sky.', 3, file);
    browser = await openBrowser(microphoneFlags(file));
    wire = await openCutProxy(server.url);
  });
  afterAll(async () => {
    await browser?.close();
    wire?.close();
    await server?.stop();
    await talker?.end('SIGTERM');
    endServices();
    if (folder) await rm(folder, { recursive: true });
  });
  beforeEach(async () => {
    open = await visit(browser, `${wire.url}/`, {}, EAVESDROP);
    page = open.page;
    // Three models share the machine with whatever else runs.
    page.setDefaultTimeout(120_000);
    received = [];
    attempts = 0;
    page.on('websocket', (socket) => {
      attempts += 1;
      socket.on('framereceived', ({ payload }) => received.push(JSON.parse(String(payload))));
    });
    await page.getByRole('button', { name: 'Voice' }).click();
  });
  afterEach(async () => {
    await open?.close();
    expect(open?.problems).toEqual([]);
    // An answer may be over before the page's wish to cancel it arrives; anything else is a fault of the page.
    const errors = received.filter(({ type }) => type === 'error');
    expect(errors.filter(({ error }) => error?.code !== 'response_cancel_not_active')).toEqual([]);
  });

  const start = async () => {
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('Connected.', { exact: true }).waitFor();
  };
  const understood = () =>
    page.locator('.prompt[data-state="understood"]').getByText(/sky/i).first().waitFor();
  /** The caption follows the sound, and sound is what leaves the page. */
  const spoken = async () => {
    await page.locator('.answer .said').getByText(/\w/).last().waitFor();
    await until('sound leaves the page', async () => (await peak()) > 0.01);
  };
  const interrupted = async () => {
    await page.locator('.answer[data-state="cut"]').first().waitFor();
    await until('the page is silent', async () => (await peak()) === 0);
    await until('the model remembers what was heard', async () =>
      received.some(({ type, audio_end_ms }) => type === 'conversation.item.truncated' && audio_end_ms > 0),
    );
  };
  const peak = () => page.evaluate(OUT_PEAK) as Promise<number>;

  /** Holds the space bar while the sentence is said once. */
  const ask = async () => {
    await page.evaluate(STAYS(false));
    await page.keyboard.down('Space');
    await page.getByText('Listening to you').waitFor();
    await page.evaluate(STAYS(true));
    await page.evaluate(STAYS(false));
    await page.keyboard.up('Space');
  };

  test('one holds the space bar, asks, is understood and answered, and interrupts', async () => {
    await start();
    await ask();
    await understood();
    await spoken();
    await picture(page, 'voice-light');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.keyboard.down('Space');
    await interrupted();
    for (const fact of ['Stage', 'Voice', 'Understood', 'First token', 'First audio', 'Heard'])
      await page.locator('.answer .facts').first().getByText(fact, { exact: true }).waitFor();
    await page.emulateMedia({ colorScheme: 'dark' });
    await picture(page, 'voice-dark');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'End', exact: true }).click();
    await page.getByText('Not listening.').waitFor();
  });

  test('hands-free: speech alone asks, and speech interrupts', async () => {
    await page.getByLabel('Hands-free').check();
    await start();
    await understood();
    await page.getByRole('button', { name: 'Mute' }).click();
    await spoken();
    await page.getByRole('button', { name: 'Muted' }).click();
    await interrupted();
  });

  test('a connection that drops while the answer is spoken: it is said, and the conversation goes on', async () => {
    await start();
    await ask();
    await understood();
    await spoken();
    wire.cut();
    await page.getByText('The connection is lost; trying again').waitFor();
    const said = (await page.locator('.answer .said').first().textContent()) ?? '';
    expect(said).toMatch(/\w/);
    const sessions = () => received.filter(({ type }) => type === 'session.created').length;
    // It is away for longer than the first attempt to come back.
    await until('an attempt has failed', () => attempts > 1);
    wire.mend();
    await page.getByText('Connected.', { exact: true }).waitFor();
    expect(received.map(({ type }) => type)).toContain('x-zen.session.resumed');
    const caption = async () => (await page.locator('.answer').first().textContent()) ?? '';
    expect(await page.locator('.answer').count()).toBe(1);
    expect((await caption()).startsWith(said)).toBe(true);
    // The next turn interrupts what is still said of the first answer, and is answered.
    await ask();
    await page.locator('.prompt[data-state="understood"]').nth(1).getByText(/sky/i).waitFor();
    await page.locator('.answer').nth(1).locator('.said').getByText(/\w/).waitFor();
    expect((await caption()).startsWith(said)).toBe(true);
    // One session all along, and every event of it once.
    expect(sessions()).toBe(1);
    const ids = received.flatMap(({ event_id: id }) => id ?? []);
    expect(ids).toEqual(ids.map((_, at) => `event_${at + 1}`));
  });
});
