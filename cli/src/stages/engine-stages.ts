import { availableParallelism } from 'node:os';
import { loadEngine, type NativeModel, type NativeSampling } from '@zen/engine';
import type { OpenLadder, StageUnderTest } from '@zen/ladder';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';

const GREEDY: NativeSampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  presencePenalty: 0,
  frequencyPenalty: 0,
  logitBiasTokens: new Int32Array(0),
  logitBiasValues: new Float32Array(0),
  seed: 0n,
  stop: [],
  stopTokens: new Int32Array(0),
  logprobs: -1,
};

/** The stages as the native engine serves them. */
export async function engineStages(
  ladder: OpenLadder,
  threads = availableParallelism(),
): Promise<{ list: StageUnderTest[]; close(): void }> {
  const { config, configJson, stagePaths } = ladder;
  const tokenizer = Tokenizer.from(config.tokenizer as TokenizerSpec);
  const { bytes, offsets } = tokenizer.byteTable(config.model.vocabSize);
  const model = loadEngine().open(configJson, {
    threads,
    kvBytes: 2 ** 28,
    kvType: 'f16',
    contextTokens: Math.min(2048, config.model.contextTokens),
    tokenBytes: bytes,
    tokenOffsets: offsets,
  });
  for (const [stage, path] of stagePaths.entries()) await model.attachStage(stage, path);
  const list = config.stages.map(
    ({ stage }): StageUnderTest => ({
      stage,
      logits: (tokens) => model.logits(stage, tokens),
      answer: async (prompt, most) => {
        const ids = await generate(model, stage, prompt, most, tokenizer.endIds);
        return tokenizer.decode(ids, { skipControl: true });
      },
    }),
  );
  return { list, close: () => model.close() };
}

async function generate(
  model: NativeModel,
  stage: number,
  prompt: Int32Array,
  most: number,
  endIds: ReadonlySet<number>,
): Promise<number[]> {
  const sequence = model.createSequence(GREEDY);
  const ids: number[] = [];
  try {
    let tokens = prompt;
    while (ids.length < most) {
      const [out] = await model.step([{ sequence, tokens, embeddings: null, stage, sample: true }]);
      if (out === undefined || out.status !== 'ok')
        throw new Error(`stage ${stage}: no KV memory for an answer`);
      if (endIds.has(out.token)) break;
      ids.push(out.token);
      tokens = Int32Array.of(out.token);
    }
    return ids;
  } finally {
    model.freeSequence(sequence);
  }
}
