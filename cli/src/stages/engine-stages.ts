import { availableParallelism } from 'node:os';
import { GREEDY, loadEngine, type NativeModel } from '@zen/engine';
import type { OpenLadder, StageUnderTest } from '@zen/ladder';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';

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
    kvBytes: 2 ** 30,
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
      answers: async (prompts, most) => {
        const answers = await generate(model, stage, prompts, most, tokenizer.endIds);
        return answers.map((ids) => tokenizer.decode(ids, { skipControl: true }));
      },
    }),
  );
  return { list, close: () => model.close() };
}

/** Greedy answers to all prompts, decoded together. */
async function generate(
  model: NativeModel,
  stage: number,
  prompts: Int32Array[],
  most: number,
  endIds: ReadonlySet<number>,
): Promise<number[][]> {
  const open = prompts.map((tokens) => ({
    sequence: model.createSequence(GREEDY),
    tokens,
    ids: [] as number[],
  }));
  try {
    let live = open;
    while (live.length > 0) {
      const items = live.map(({ sequence, tokens }) => ({
        sequence,
        tokens,
        embeddings: null,
        stage,
        sample: true,
        draft: null,
      }));
      const outs = await model.step(items);
      live = live.filter((one, index) => {
        const { status, token } = outs[index]!;
        if (status !== 'ok') throw new Error(`stage ${stage}: no KV memory for an answer`);
        if (endIds.has(token)) return false;
        one.ids.push(token);
        one.tokens = Int32Array.of(token);
        return one.ids.length < most;
      });
    }
    return open.map(({ ids }) => ids);
  } finally {
    for (const { sequence } of open) model.freeSequence(sequence);
  }
}
