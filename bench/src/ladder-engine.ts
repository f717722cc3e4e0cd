import { type DeltaOptions, GREEDY, loadEngine, type NativeModel } from '@zen/engine';
import { type LadderConfig, openLadder } from '@zen/ladder';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';
import type { Timing } from './peer';

/** A ladder in this process's engine, driven without a scheduler: what the arithmetic alone can do. */
export class LadderEngine {
  private constructor(
    readonly model: NativeModel,
    readonly tokenizer: Tokenizer,
    readonly kernels: string,
    readonly config: LadderConfig,
    readonly stages: number,
  ) {}

  static async open(folder: string, threads: number, delta?: DeltaOptions): Promise<LadderEngine> {
    const ladder = await openLadder(folder);
    const engine = loadEngine();
    const tokenizer = Tokenizer.from(ladder.config.tokenizer as TokenizerSpec);
    const { bytes, offsets } = tokenizer.byteTable(ladder.config.model.vocabSize);
    const model = engine.open(ladder.configJson, {
      threads,
      kvBytes: 2 ** 30,
      kvType: 'f16',
      contextTokens: Math.min(4096, ladder.config.model.contextTokens),
      tokenBytes: bytes,
      tokenOffsets: offsets,
      ...(delta === undefined ? {} : { delta }),
    });
    for (const [stage, path] of ladder.stagePaths.entries()) {
      await model.attachStage(stage, path);
    }
    return new LadderEngine(model, tokenizer, engine.kernels(), ladder.config, ladder.stagePaths.length);
  }

  /** Greedy continuation: the prompt in chunks of 512 tokens, then `count` tokens after the first. */
  async generate(stage: number, prompt: Int32Array, count: number): Promise<Timing> {
    const sequence = this.model.createSequence(GREEDY);
    const started = performance.now();
    let token = -1;
    for (let at = 0; at < prompt.length; at += 512) {
      const tokens = prompt.subarray(at, at + 512);
      const sample = at + 512 >= prompt.length;
      const [out] = await this.model.step([
        { sequence, tokens, embeddings: null, stage, sample, draft: null },
      ]);
      token = out?.token ?? -1;
    }
    const first = performance.now();
    for (let i = 0; i < count; i++) {
      const tokens = Int32Array.of(token);
      const [out] = await this.model.step([
        { sequence, tokens, embeddings: null, stage, sample: true, draft: null },
      ]);
      token = out?.token ?? -1;
    }
    const done = performance.now();
    this.model.freeSequence(sequence);
    return { prefillMs: first - started, decodeMs: done - first, produced: count };
  }

  /** Decode steps of `streams` sequences together: milliseconds per step. */
  async decodeTogether(stage: number, prompts: Int32Array[], steps: number): Promise<number> {
    const live = prompts.map((prompt) => ({
      prompt,
      sequence: this.model.createSequence(GREEDY),
      token: -1,
    }));
    for (const one of live) {
      const item = {
        sequence: one.sequence,
        tokens: one.prompt,
        embeddings: null,
        stage,
        sample: true,
        draft: null,
      };
      const [out] = await this.model.step([item]);
      one.token = out?.token ?? -1;
    }
    const started = performance.now();
    for (let i = 0; i < steps; i++) {
      const items = live.map((one) => ({
        sequence: one.sequence,
        tokens: Int32Array.of(one.token),
        embeddings: null,
        stage,
        sample: true,
        draft: null,
      }));
      const outs = await this.model.step(items);
      live.forEach((one, at) => {
        one.token = outs[at]?.token ?? -1;
      });
    }
    const elapsed = performance.now() - started;
    for (const one of live) this.model.freeSequence(one.sequence);
    return elapsed / steps;
  }
}
