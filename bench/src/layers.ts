import { loadEngine, loadQuant, type NativeModel } from '@zen/engine';
import { Divergence, type LadderConfig, openLadder, readCorpus } from '@zen/ladder';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';
import { type BenchReport, type Row, report } from './report';
import { chosen, ladderOf } from './subjects';

const SHARES = [0.25, 0.5, 0.75];
/** Every this many sequences of the evaluation texts: about 3,000 tokens. */
const THIN = 40;
const SEQUENCE_TOKENS = 256;
const THREADS = 2;

/**
 * What a stage would give while only some of its layers are there: a ladder in which only these have the stage's
 * rungs, against the top stage on the same tokens. It needs nothing of the engine.
 */
export async function layers(argv: string[]): Promise<BenchReport> {
  const rows: Row[] = [];
  for (const subject of chosen(argv)) {
    const ladder = await openLadder(ladderOf(subject));
    const { config, stagePaths } = ladder;
    const sequences = await evaluation(config);
    const open = async (one: LadderConfig, top: number) => {
      const model = native(one);
      for (const [stage, path] of stagePaths.slice(0, top + 1).entries())
        await model.attachStage(stage, path);
      return model;
    };
    const full = await open(config, stagePaths.length - 1);
    const expected: Float32Array[] = [];
    for (const tokens of sequences) expected.push(await full.logits(stagePaths.length - 1, tokens));
    const measure = async (model: NativeModel, stage: number) => {
      const divergence = new Divergence();
      for (const [i, tokens] of sequences.entries()) {
        const targets = Int32Array.from(tokens, (_, at) => tokens[at + 1] ?? -1);
        const found = await model.logits(stage, tokens);
        const against = expected[i] as Float32Array;
        divergence.add(await loadQuant().compareLogits(against, found, targets, config.model.vocabSize));
      }
      return divergence.quality();
    };
    // Kullback-Leibler divergence times bytes: what a reader sees while the stages arrive at a steady rate.
    let [stepwise, layerwise] = [0, 0];
    let below = await measure(full, 0);
    for (let stage = 1; stage < stagePaths.length; stage++) {
      const bytes = config.stages[stage]?.bytes ?? 0;
      const seen = [below.klMean];
      rows.push({ model: subject.name, stage, layers: 'none', share: 0, ...below });
      for (const which of ['first', 'last'] as const) {
        for (const share of which === 'first' ? SHARES : [0.5]) {
          const model = await open(partly(config, stage, share, which), stage);
          const quality = await measure(model, stage);
          model.close();
          if (which === 'first') seen.push(quality.klMean);
          rows.push({ model: subject.name, stage, layers: which, share, ...quality });
        }
      }
      stepwise += bytes * below.klMean;
      layerwise += (bytes * seen.reduce((sum, kl) => sum + kl, 0)) / seen.length;
      below = await measure(full, stage);
      rows.push({ model: subject.name, stage, layers: 'all', share: 1, ...below });
    }
    full.close();
    rows.push({ model: subject.name, layers: 'climb', klMean: stepwise });
    rows.push({
      model: subject.name,
      layers: 'climb by quarters',
      klMean: layerwise,
      share: layerwise / stepwise,
    });
  }
  return report('layers', rows, []);
}

/** The ladder with the stage's own rungs in a share of its layers only; other tensors wait for the whole. */
function partly(config: LadderConfig, stage: number, share: number, which: 'first' | 'last'): LadderConfig {
  const count = Math.round(share * config.model.layers);
  const from = which === 'first' ? 0 : config.model.layers - count;
  const tensors = config.tensors.map((tensor) => {
    const layer = /^blk\.(\d+)\./.exec(tensor.name)?.[1];
    const there = layer !== undefined && Number(layer) >= from && Number(layer) < from + count;
    return there ? tensor : { ...tensor, rungs: tensor.rungs.filter((rung) => rung.stage !== stage) };
  });
  return { ...config, tensors };
}

function native(config: LadderConfig): NativeModel {
  const tokenizer = Tokenizer.from(config.tokenizer as TokenizerSpec);
  const { bytes, offsets } = tokenizer.byteTable(config.model.vocabSize);
  return loadEngine().open(JSON.stringify(config), {
    threads: THREADS,
    kvBytes: 2 ** 28,
    kvType: 'f16',
    contextTokens: SEQUENCE_TOKENS,
    tokenBytes: bytes,
    tokenOffsets: offsets,
  });
}

async function evaluation({ tokenizer: spec }: LadderConfig): Promise<Int32Array[]> {
  const tokenizer = Tokenizer.from(spec as TokenizerSpec);
  const sequences = (await readCorpus('evaluation')).flatMap((one) => {
    const text = 'text' in one ? one.text : `${one.prompt}\n\n${one.answer}`;
    const tokens = tokenizer.encode(text, { addBos: true });
    return Array.from({ length: Math.floor(tokens.length / SEQUENCE_TOKENS) }, (_, i) =>
      tokens.slice(i * SEQUENCE_TOKENS, (i + 1) * SEQUENCE_TOKENS),
    );
  });
  return sequences.filter((_, i) => i % THIN === 0);
}
