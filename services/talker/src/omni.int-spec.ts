import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '@zen/config';
import { TalkerPrompt } from '@zen/contracts';
import { createLogger } from '@zen/telemetry';
import { goldenOf } from '@zen/testing';
import { openOmni } from '@zen/voices';
import { settings } from './config';
import { openEngines } from './speaking/open-engines';
import { expectTiled, type SpeakCaller, TestTalker } from './talker.fixture';

jest.setTimeout(60_000);

/** A tiny random Qwen3-Omni speaker, and what the reference implementation made with it. */
const FOLDER = join(__dirname, '../../../packages/engine/fixtures/omni');
const golden = goldenOf(readFileSync(join(FOLDER, 'golden.safetensors')));
const PROMPT = TalkerPrompt.fromPartial({ tokenIds: golden('prompt') });
const ANSWER = golden('answer');
const FRAME = 1920;
const SHORT = 555;

describe('a talker with a Qwen3-Omni model', () => {
  let talker: TestTalker;
  beforeAll(async () => {
    const options = { folder: FOLDER, threads: 1, sessions: 4, temperature: 0 };
    talker = await TestTalker.start([await openOmni(options)]);
  });
  afterAll(() => talker.stop());

  const speak = async (cut: number) => {
    const call = talker.speak({ voice: 'ethan', prompt: PROMPT });
    for (let at = 0; at < ANSWER.length; at += cut) {
      call.send({ $case: 'tokens', value: { ids: ANSWER.slice(at, at + cut) } });
    }
    call.end();
    expect(await call.over).toBeNull();
    expectTiled(call);
    return call;
  };

  test("speaks the reference's waveform, the same to the bit however the ids are cut", async () => {
    const calls = await Promise.all([1, 3, 5, ANSWER.length].map(speak));
    const [first] = calls;
    const samples = first?.samples ?? new Int16Array(0);
    const wave = golden('wave');
    const frames = golden('codes').length / 4;
    expect(samples).toHaveLength(FRAME * frames - SHORT);
    const off = wave.map((value, i) => Math.abs(value - (samples[i] as number) / 32_767));
    expect(Math.max(...off)).toBeLessThan(2e-3);
    expect(first?.frames.map(({ pcm }) => pcm.length / 2)).toEqual([
      FRAME - SHORT,
      ...new Array(frames - 1).fill(FRAME),
    ]);
    for (const call of calls) expect(Buffer.compare(pcmOf(call), pcmOf(calls[0]))).toBe(0);
    expect(first?.finished?.textLength).toBe(ANSWER.length);
  });

  test('a frame leaves with its own id, before the next one is there', async () => {
    const call = talker.speak({ voice: 'ethan', prompt: PROMPT });
    for (const [n, id] of ANSWER.slice(0, 3).entries()) {
      call.send({ $case: 'tokens', value: { ids: [id] } });
      // Started, then a clause and a frame for each id.
      await call.until(1 + 2 * (n + 1));
      expect(call.frames).toHaveLength(n + 1);
    }
    call.stream.cancel();
    expect(await call.over).toMatchObject({ code: 'CANCELLED' });
  });

  test('a prompt in pieces is the same prompt, a picture and sound in it', async () => {
    const tokens = [...PROMPT.tokenIds];
    tokens.splice(11, 2, 101, 100);
    const piece = (from: number, to: number) => {
      const at = [11, 12].filter((place) => place >= from && place < to);
      return {
        tokenIds: tokens.slice(from, to),
        hiddenRows: Buffer.from(
          Float32Array.from({ length: 32 * at.length }, (_, i) => Math.sin(i + at[0]! * 32)).buffer,
        ),
        hiddenPositions: at.map((place) => place - from),
        ropePositions: Array.from({ length: 3 * (to - from) }, (_, i) => from + Math.floor(i / 3)),
        more: to < tokens.length,
      };
    };
    const said = async (size: number) => {
      const call = talker.speak({ voice: 'ethan', prompt: piece(0, Math.min(size, tokens.length)) });
      for (let from = size; from < tokens.length; from += size) {
        call.send({ $case: 'prompt', value: piece(from, Math.min(tokens.length, from + size)) });
      }
      call.send({ $case: 'tokens', value: { ids: ANSWER.slice(0, 3) } });
      await call.until(1 + 2 * 3);
      call.stream.cancel();
      expect(await call.over).toMatchObject({ code: 'CANCELLED' });
      return pcmOf(call).subarray(0, 2 * (3 * FRAME - SHORT));
    };
    const whole = await said(tokens.length);
    expect(whole).toHaveLength(2 * (3 * FRAME - SHORT));
    for (const size of [1, 5, 12]) expect(Buffer.compare(await said(size), whole)).toBe(0);
  });

  test('pieces that do not belong are refused by name', async () => {
    const part = TalkerPrompt.fromPartial({ tokenIds: PROMPT.tokenIds.slice(0, 9), more: true });
    const last = TalkerPrompt.fromPartial({ tokenIds: PROMPT.tokenIds.slice(9) });
    type Message = Parameters<SpeakCaller['send']>[0];
    const tokens: Message = { $case: 'tokens', value: { ids: [1] } };
    const piece = (value: TalkerPrompt): Message => ({ $case: 'prompt', value });
    const refused = async (prompt: TalkerPrompt, messages: Message[], message: string) => {
      const call = talker.speak({ voice: 'ethan', prompt });
      for (const one of messages) call.send(one);
      call.end();
      expect(await call.over).toMatchObject({ code: 'INVALID_ARGUMENT', message });
    };
    await refused(part, [tokens], "tokens: came before the prompt's last piece");
    await refused(part, [], 'prompt: ended before its last piece');
    await refused(
      PROMPT,
      [piece(last)],
      'prompt: no piece is waited for: the one before it did not say `more`',
    );
    await refused(
      part,
      [piece(part), piece(TalkerPrompt.create())],
      'prompt.token_ids: a piece must have at least one',
    );
    const rope = TalkerPrompt.fromPartial({
      ...last,
      ropePositions: new Array(3 * last.tokenIds.length).fill(1),
    });
    await refused(part, [piece(rope)], 'prompt.rope_positions: must be in every piece or in none');
    const mute = TalkerPrompt.fromPartial({ tokenIds: PROMPT.tokenIds.slice(9, 12) });
    await refused(part, [piece(mute)], 'prompt.token_ids: must hold the beginning of an answer');
  });

  test('drawn voices follow their seed', async () => {
    const options = { folder: FOLDER, threads: 1, sessions: 2 };
    const drawn = await TestTalker.start([await openOmni(options)]);
    const heard: Int16Array[] = [];
    for (const seed of [7n, 7n, 8n]) {
      const call = drawn.speak({ voice: 'chelsie', prompt: PROMPT, seed });
      call.send({ $case: 'tokens', value: { ids: ANSWER.slice(0, 2) } });
      await call.until(5);
      heard.push(call.samples.slice(0, FRAME - SHORT));
      call.stream.cancel();
      await call.over;
    }
    await drawn.stop();
    expect(heard[0]?.length).toBe(FRAME - SHORT);
    expect(heard[0]).toEqual(heard[1]);
    expect(heard[0]).not.toEqual(heard[2]);
  });

  test('says nothing of an empty answer, and refuses by name', async () => {
    const empty = talker.speak({ voice: 'ethan', prompt: PROMPT }).end();
    expect(await empty.over).toBeNull();
    expect(empty.frames).toEqual([]);
    const refused = async (start: object, message: string, ids: number[] = []) => {
      const call = talker.speak({ voice: 'ethan', prompt: PROMPT, ...start });
      if (ids.length > 0) call.send({ $case: 'tokens', value: { ids } });
      call.end();
      expect(await call.over).toMatchObject({ code: 'INVALID_ARGUMENT', message });
    };
    await refused({ speed: 2 }, 'speed: ethan speaks at 1 only, 2 was asked');
    await refused({ prompt: undefined }, "prompt: ethan needs the thinker's prompt");
    await refused(
      { prompt: { ...PROMPT, tokenIds: [1, 2, 3] } },
      'prompt.token_ids: must hold the beginning of an answer',
    );
    await refused(
      { prompt: { ...PROMPT, hiddenPositions: [12], hiddenRows: Buffer.alloc(4 * 31) } },
      'prompt.hidden_rows: must be rows of 32 numbers',
    );
    await refused({}, 'tokens.ids: 104 must be below 104', [104]);
  });
});

test('ZEN_TALKER_OMNI makes its speakers voices', async () => {
  const open = (env: Record<string, string>) =>
    openEngines({})(readConfig(settings, env), createLogger('talker', 'error'));
  const [packaged, omni] = open({ ZEN_TALKER_OMNI: FOLDER, ZEN_TALKER_VOICES: 'heart,ethan' });
  expect(packaged?.voices).toEqual(['heart']);
  expect(omni?.voices).toEqual(['chelsie', 'ethan']);
  const engine = await omni?.open(new AbortController().signal);
  expect(engine?.voices).toEqual(
    ['chelsie', 'ethan'].map((name) => ({ name, language: 'mul', sampleRate: 24_000, takesTokenIds: true })),
  );
  await engine?.close();
  expect(() => open({ ZEN_TALKER_OMNI: '/nowhere' })).toThrow(
    'ZEN_TALKER_OMNI: /nowhere: config.json must be',
  );
});

const pcmOf = (call: SpeakCaller | undefined) => Buffer.concat(call?.frames.map(({ pcm }) => pcm) ?? []);
