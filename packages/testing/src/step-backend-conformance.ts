import type { Draft, SamplingParams, StepBackend, StepItem, StepOutput } from '@zen/batching';
import { GREEDY } from '@zen/engine';

export interface BackendUnderTest {
  backend: StepBackend;
  vocabSize: number;
  /** A stage that can be used, and one below it that can be used too. */
  stage: number;
  lowerStage: number;
  close(): void;
}

const SAMPLED: SamplingParams = {
  ...GREEDY,
  temperature: 0.9,
  topP: 0.95,
  repetitionPenalty: 1.2,
  presencePenalty: 0.4,
  frequencyPenalty: 0.3,
  seed: 1234567890123n,
};

/**
 * What every StepBackend must do; run it for each. `open` gives a fresh backend whose KV cache holds at least
 * 20 blocks and at most a few hundred.
 */
export function stepBackendConformance(name: string, open: () => Promise<BackendUnderTest>): void {
  describe(`${name} as a StepBackend`, () => {
    // A real model steps slowly on a busy machine.
    jest.setTimeout(60_000);
    let under: BackendUnderTest;
    let backend: StepBackend;
    beforeEach(async () => {
      under = await open();
      backend = under.backend;
    });
    afterEach(() => under.close());

    const prompt = (length: number, salt = 1) =>
      Int32Array.from({ length }, (_, i) => (i * 37 + salt * 101) % Math.min(under.vocabSize, 900));
    const item = (
      sequence: number,
      tokens: Int32Array,
      sample = true,
      draft: Draft | null = null,
    ): StepItem => ({
      sequence,
      tokens,
      embeddings: null,
      stage: under.stage,
      sample,
      draft,
    });
    const one = async (what: StepItem): Promise<StepOutput> => (await backend.step([what]))[0] as StepOutput;
    /** Goes on for `count` tokens, the first sampled after `tokens`. */
    const generate = async (sequence: number, tokens: Int32Array, count: number): Promise<number[]> => {
      const sampled: number[] = [];
      let next = tokens;
      while (sampled.length < count) {
        const { token } = await one(item(sequence, next));
        sampled.push(token);
        next = Int32Array.of(token);
      }
      return sampled;
    };

    test('samples where it is asked to, within the vocabulary', async () => {
      const sequence = backend.createSequence(GREEDY);
      expect(await one(item(sequence, prompt(5), false))).toMatchObject({
        status: 'ok',
        token: -1,
        finish: 'none',
      });
      const { token, status } = await one(item(sequence, prompt(3)));
      expect(status).toBe('ok');
      expect(token).toBeGreaterThanOrEqual(0);
      expect(token).toBeLessThan(under.vocabSize);
    });

    test.each([
      ['greedy', GREEDY],
      ['sampled', SAMPLED],
    ])('%s: chunks of a prompt give what the whole gives', async (_, sampling) => {
      const whole = await generate(backend.createSequence(sampling), prompt(41), 6);
      const sequence = backend.createSequence(sampling);
      for (const [from, to] of [
        [0, 7],
        [7, 23],
        [23, 40],
      ]) {
        await one(item(sequence, prompt(41).subarray(from, to), false));
      }
      expect(await generate(sequence, prompt(41).subarray(40), 6)).toEqual(whole);
    });

    test.each([
      ['greedy', GREEDY],
      ['sampled', SAMPLED],
    ])('%s: a sequence is the same alone and among seven others', async (_, sampling) => {
      const alone = await generate(backend.createSequence(sampling), prompt(9), 8);
      const sequences = Array.from({ length: 8 }, () => backend.createSequence(sampling));
      let next = sequences.map((_, i) => prompt(i === 3 ? 9 : 4 + i, i === 3 ? 1 : i + 2));
      const sampled: number[] = [];
      for (let step = 0; step < 8; step++) {
        const outputs = await backend.step(
          sequences.map((sequence, i) => item(sequence, next[i] as Int32Array)),
        );
        sampled.push(outputs[3]?.token as number);
        next = outputs.map(({ token }) => Int32Array.of(token));
      }
      expect(sampled).toEqual(alone);
    });

    test.each([
      ['greedy', GREEDY],
      ['sampled', SAMPLED],
    ])('%s: forgetting everything and computing it again goes on as before', async (_, sampling) => {
      const length = backend.blockTokens + 5;
      const reference = await generate(backend.createSequence(sampling), prompt(length), 10);
      const sequence = backend.createSequence(sampling);
      const before = await generate(sequence, prompt(length), 4);
      backend.truncate(sequence, 0);
      const history = Int32Array.from([...prompt(length), ...before]);
      const cached = backend.matchPrefix(sequence, under.stage, history);
      const after = await generate(sequence, history.subarray(cached), 6);
      expect([...before, ...after]).toEqual(reference);
    });

    test.each([
      ['greedy', GREEDY],
      ['sampled', SAMPLED],
    ])('%s: another sequence goes on where one stopped', async (_, sampling) => {
      const reference = await generate(backend.createSequence(sampling), prompt(9), 10);
      const before = Int32Array.from(reference.slice(0, 4));
      const sequence = backend.createSequence(sampling, before);
      const history = Int32Array.from([...prompt(9), ...before]);
      expect(await generate(sequence, history, 6)).toEqual(reference.slice(4));
    });

    test.each([
      ['greedy', GREEDY],
      ['sampled', SAMPLED],
    ])('%s: drafts change how many tokens a step gives, never which', async (_, sampling) => {
      const whole = await generate(backend.createSequence(sampling), prompt(21), 13);
      const wrong = (token: number) => (token + 1) % under.vocabSize;
      const sequence = backend.createSequence(sampling);
      const first = await one(
        item(sequence, prompt(21), true, { tokens: Int32Array.from(whole.slice(0, 4)) }),
      );
      expect(first.kept.map(({ token }) => token)).toEqual(whole.slice(0, 4));
      expect(first.token).toBe(whole[4]);
      const half = [whole[5], whole[6], wrong(whole[7] as number), whole[8]] as number[];
      const draft = { tokens: Int32Array.from(half) };
      const second = await one(item(sequence, Int32Array.of(first.token), true, draft));
      expect(second.kept.map(({ token }) => token)).toEqual(whole.slice(5, 7));
      expect(second.token).toBe(whole[7]);
      const none = { tokens: Int32Array.of(wrong(whole[8] as number), 1, 2) };
      const third = await one(item(sequence, Int32Array.of(second.token), true, none));
      expect(third.kept).toEqual([]);
      expect(third.token).toBe(whole[8]);
      expect(await generate(sequence, Int32Array.of(third.token), 4)).toEqual(whole.slice(9));
    });

    test.each([
      ['greedy', GREEDY],
      ['sampled', SAMPLED],
    ])('%s: a lower stage drafts, and the answer stays what it was', async (_, sampling) => {
      const whole = await generate(backend.createSequence(sampling), prompt(21), 13);
      const sequence = backend.createSequence(sampling);
      const sampled = [(await one(item(sequence, prompt(21)))).token];
      while (sampled.length < 13) {
        const draft = { stage: under.lowerStage, count: Math.min(3, 13 - sampled.length) };
        const { kept, token } = await one(
          item(sequence, Int32Array.of(sampled.at(-1) as number), true, draft),
        );
        sampled.push(...kept.map((one) => one.token), token);
      }
      expect(sampled.slice(0, 13)).toEqual(whole);
    });

    test('what is rejected leaves no KV behind; what ends an answer ends its draft', async () => {
      const sequence = backend.createSequence(GREEDY);
      const { token } = await one(item(sequence, prompt(backend.blockTokens - 1)));
      const { blocksFree } = backend.kv();
      const wrong = Int32Array.from({ length: 40 }, () => (token + 1) % under.vocabSize);
      const out = await one(item(sequence, Int32Array.of(token), true, { tokens: wrong }));
      expect(out.kept.length).toBeLessThan(40);
      const held = backend.blockTokens + out.kept.length;
      expect(backend.kv().blocksFree).toBe(blocksFree + 1 - Math.ceil(held / backend.blockTokens));

      const whole = await generate(backend.createSequence(GREEDY), prompt(6), 6);
      const stopTokens = Int32Array.of(whole[2] as number);
      const ended = await one(
        item(backend.createSequence({ ...GREEDY, stopTokens }), prompt(6), true, {
          tokens: Int32Array.from(whole),
        }),
      );
      expect(ended).toMatchObject({ token: whole[2], finish: 'stopToken' });
      expect(ended.kept.map(({ token }) => token)).toEqual(whole.slice(0, 2));
    });

    test('takes over whole blocks of the same prefix, and never the last token', async () => {
      const { blockTokens } = backend;
      const tokens = prompt(3 * blockTokens);
      const reference = await generate(backend.createSequence(GREEDY), tokens, 3);
      const second = backend.createSequence(GREEDY);
      const cached = backend.matchPrefix(second, under.stage, tokens);
      expect(cached).toBe(2 * blockTokens);
      expect(await generate(second, tokens.subarray(cached), 3)).toEqual(reference);
      const other = backend.createSequence(GREEDY);
      expect(backend.matchPrefix(other, under.stage, prompt(3 * blockTokens, 5))).toBe(0);
    });

    test('shares blocks between equal scopes only', async () => {
      const tokens = prompt(2 * backend.blockTokens + 1);
      const scope = (last: number) => Uint8Array.from({ length: 32 }, (_, i) => (i === 31 ? last : 7));
      const begin = (given: Uint8Array) =>
        backend.createSequence(GREEDY, undefined, { delta: null, scope: given });
      const first = begin(scope(1));
      await one(item(first, tokens, false));
      backend.freeSequence(first);
      const found = (given: Uint8Array) => backend.matchPrefix(begin(given), under.stage, tokens);
      expect(found(new Uint8Array(0))).toBe(0);
      expect(found(scope(2))).toBe(0);
      expect(found(scope(1))).toBe(2 * backend.blockTokens);
      // What has no scope is a scope of its own.
      await one(item(backend.createSequence(GREEDY), tokens, false));
      expect(found(new Uint8Array(0))).toBe(2 * backend.blockTokens);
      expect(found(new Uint8Array(32))).toBe(0);
      expect(() => begin(new Uint8Array(31))).toThrow();
    });

    test('gives blocks back when a sequence ends', async () => {
      const { blocksFree, blocksTotal } = backend.kv();
      expect(blocksFree).toBe(blocksTotal);
      const sequence = backend.createSequence(GREEDY);
      await one(item(sequence, prompt(2 * backend.blockTokens + 1)));
      expect(backend.kv().blocksFree).toBe(blocksFree - 3);
      backend.truncate(sequence, backend.blockTokens);
      expect(backend.kv().blocksFree).toBe(blocksFree - 1);
      backend.freeSequence(sequence);
      expect(backend.kv().blocksFree).toBe(blocksFree);
    });

    test('out of KV, an item appends nothing and the others go on', async () => {
      const { blockTokens } = backend;
      const small = backend.createSequence(GREEDY);
      const { token } = await one(item(small, prompt(3)));
      const big = backend.createSequence(GREEDY);
      const room = backend.kv().blocksFree;
      for (let i = 0; i < room; i++) await one(item(big, prompt(blockTokens, i + 2), false));
      expect(backend.kv().blocksFree).toBe(0);
      const [starved, served] = await backend.step([item(big, prompt(1)), item(small, Int32Array.of(token))]);
      expect(starved).toMatchObject({ status: 'noKv', token: -1 });
      expect(served?.status).toBe('ok');
      backend.truncate(big, (room - 1) * blockTokens);
      expect((await one(item(big, prompt(1)))).status).toBe('ok');
    });

    test('says what ended an answer', async () => {
      const [first] = await generate(backend.createSequence(GREEDY), prompt(6), 1);
      const stopTokens = Int32Array.of(first as number);
      const ended = await one(item(backend.createSequence({ ...GREEDY, stopTokens }), prompt(6)));
      expect(ended).toMatchObject({ token: first, finish: 'stopToken', stopIndex: -1 });
    });

    test('reports log probabilities only where they are asked for', async () => {
      const none = await one(item(backend.createSequence(GREEDY), prompt(6)));
      expect(none.logprob).toBeNaN();
      expect(none.topTokens).toHaveLength(0);
      const three = await one(item(backend.createSequence({ ...GREEDY, logprobs: 3 }), prompt(6)));
      expect(three.logprob).toBeLessThanOrEqual(0);
      expect(three.topTokens).toHaveLength(3);
      expect(three.topTokens[0]).toBe(three.token);
      const sorted = [...three.topLogprobs].sort((a, b) => b - a);
      expect([...three.topLogprobs]).toEqual(sorted);
    });

    test('refuses a sequence that it does not have', async () => {
      const sequence = backend.createSequence(GREEDY);
      backend.freeSequence(sequence);
      expect(() => backend.freeSequence(sequence)).toThrow();
      await expect(backend.step([item(sequence, prompt(2))])).rejects.toThrow();
    });
  });
}
