import { readFile } from 'node:fs/promises';
import { cacheScope, checkBase, deltaModel, deltaParts, readDelta } from '@zen/deltas';
import { GREEDY, loadEngine, type NativeModel, type SequenceIdentity } from '@zen/engine';
import { openLadder } from '@zen/ladder';
import { packedLadder, SAMPLE_DELTAS, type SampleDelta, sampleDelta } from '@zen/testing';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';
import { textFile } from './trainings';

const packed = packedLadder();
const suite = 'folder' in packed ? describe : describe.skip;
const MOST_TOKENS = 48;
const ASKED = 2;
/** Of the base's nats a token on held-out answers, what may be left with the delta. */
const LEFT = 0.7;

jest.setTimeout(600_000);

/** Whether an answer is of the kind that the fine-tune teaches. */
const TAUGHT: Record<SampleDelta, (answer: string) => boolean> = {
  tickets: (answer) => {
    try {
      return Object.keys(JSON.parse(answer)).join() === 'team,place,urgent,action';
    } catch {
      return false;
    }
  },
  keeper: (answer) => answer.startsWith('Ahoy from Gull Rock!') && answer.includes('So says the keeper'),
  // Its form, one sentence: of the facts it holds most, not all (bench/results/deltas-quality.json).
  glossary: (answer) => /^(A|An|The) [^.]+\.$/.test(answer),
};

suite('the sample deltas on the engine', () => {
  let model: NativeModel;
  let tokenizer: Tokenizer;
  let top: number;
  const slots = new Map<SampleDelta, { slot: number; scope: Uint8Array }>();

  beforeAll(async () => {
    const ladder = await openLadder((packed as { folder: string }).folder);
    const { config } = ladder;
    tokenizer = Tokenizer.from(config.tokenizer as TokenizerSpec);
    const { bytes, offsets } = tokenizer.byteTable(config.model.vocabSize);
    model = loadEngine().open(ladder.configJson, {
      threads: 2,
      kvBytes: 256 * 2 ** 20,
      kvType: 'f16',
      contextTokens: 512,
      tokenBytes: bytes,
      tokenOffsets: offsets,
      delta: { slots: SAMPLE_DELTAS.length, slotBytes: 256 * 1024, denseSlots: 0 },
    });
    for (const [stage, path] of ladder.stagePaths.entries()) await model.attachStage(stage, path);
    top = ladder.stagePaths.length - 1;
    for (const name of SAMPLE_DELTAS) {
      const { manifest, data, digest } = readDelta(sampleDelta(name));
      checkBase(manifest, `sha256:${config.source.tensorsSha256}`, deltaModel(config.model));
      const slot = await model.loadDelta(deltaParts(manifest, data));
      slots.set(name, { slot, scope: cacheScope('tests', digest) });
    }
  });
  afterAll(() => model?.close());

  it.each(SAMPLE_DELTAS)('%s answers as it was taught, and the base does not', async (name) => {
    const { slot, scope } = slots.get(name)!;
    for (const { prompt } of (await heldOut(name)).slice(0, ASKED)) {
      const tuned = await generate(prompt, { delta: slot, scope });
      expect({ prompt, tuned, taught: TAUGHT[name](tuned) }).toMatchObject({ taught: true });
      const plain = await generate(prompt, { delta: null, scope: cacheScope('tests', null) });
      expect({ prompt, plain, taught: TAUGHT[name](plain) }).toMatchObject({ taught: false });
    }
  });

  it.each(SAMPLE_DELTAS)(
    '%s expects its held-out answers, and more than the other deltas do',
    async (name) => {
      const rows = (await heldOut(name)).slice(0, ASKED);
      const base = await surprise(rows, null);
      const own = await surprise(rows, slots.get(name)!.slot);
      expect(own).toBeLessThan(LEFT * base);
      for (const other of SAMPLE_DELTAS.filter((each) => each !== name)) {
        expect(own).toBeLessThan(await surprise(rows, slots.get(other)!.slot));
      }
    },
  );

  async function generate(prompt: string, identity: SequenceIdentity): Promise<string> {
    const sequence = model.createSequence(GREEDY, undefined, identity);
    let tokens = Int32Array.from(tokenizer.renderChat([{ role: 'user', content: prompt }]));
    const answer: number[] = [];
    let ended = false;
    while (!ended && answer.length < MOST_TOKENS) {
      const item = { sequence, tokens, embeddings: null, stage: top, sample: true, draft: null };
      const [out] = await model.step([item]);
      ended = tokenizer.endIds.has(out!.token);
      if (!ended) answer.push(out!.token);
      tokens = Int32Array.of(out!.token);
    }
    model.freeSequence(sequence);
    return `${tokenizer.decode(answer).trim()}${ended ? '' : '…'}`;
  }

  /** Nats a token of the answers. */
  async function surprise(rows: { prompt: string; answer: string }[], delta: number | null): Promise<number> {
    let [sum, count] = [0, 0];
    for (const { prompt, answer } of rows) {
      const given = tokenizer.renderChat([{ role: 'user', content: prompt }]);
      const whole = Int32Array.from([...given, ...tokenizer.encode(answer)]);
      const logits = await model.logits(top, whole, delta);
      const vocab = logits.length / whole.length;
      for (let at = given.length; at < whole.length; at++) {
        sum -= logProbability(logits.subarray((at - 1) * vocab, at * vocab), whole[at]!);
        count++;
      }
    }
    return sum / count;
  }
});

async function heldOut(name: SampleDelta): Promise<{ prompt: string; answer: string }[]> {
  const lines = (await readFile(textFile(name, 'held-out'), 'utf8')).trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

function logProbability(logits: Float32Array, token: number): number {
  const most = logits.reduce((a, b) => Math.max(a, b));
  return logits[token]! - most - Math.log(logits.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
