import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { corpusTokens, ladderBase, thin } from '@zen/delta-build';
import { checkBase, type DeltaFile, deltaModel, deltaParts } from '@zen/deltas';
import { loadEngine, type NativeModel } from '@zen/engine';
import { type OpenLadder, ReferenceModel } from '@zen/ladder';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';
import type { Command } from 'commander';
import { common, contextOf, findLadder, quantOf, wholeNumber, withThreads } from '../context';
import { formatTable } from '../output';
import { readDeltaPath } from './delta-path';
import { type Comparison, measureDelta, type Scorer } from './measure-delta';
import { openTunedPath, TUNED_HELP } from './open-tuned';
import { readTexts } from './quality-texts';

interface Options {
  json?: boolean;
  threads?: number;
  text: string;
  tuned?: string;
  general: number;
  stage: number;
  report?: string;
}

/** Adds `quality` to `zen delta`. */
export function deltaQualityCommand(delta: Command): void {
  withThreads(common(delta.command('quality')))
    .description(
      'compare base, delta and full fine-tune on a text, and say what a delta costs on general text',
    )
    .argument('<ladder>', 'the base: a folder, NAME or NAME:quick')
    .argument('<file>', 'NAME.delta')
    .requiredOption(
      '--text <file>',
      'held-out text of what the fine-tune learnt, or a .jsonl of prompt and answer',
    )
    .option('--tuned <model>', `the full fine-tune, in float32: ${TUNED_HELP}`)
    .option(
      '--general <tokens>',
      "of the ladder's evaluation texts; 0: none",
      wholeNumber(0, 10_000_000),
      4096,
    )
    .option('--stage <n>', 'of the ladder, for base and delta', wholeNumber(0, 4), 4)
    .option('--report <file>', 'also write the result to a file')
    .action(async (ladderText: string, file: string, options: Options) => {
      const context = contextOf(options);
      const { output, signal } = context;
      const quant = quantOf(options);
      const ladder = await findLadder(context, ladderText);
      const deltaFile = await readDeltaPath(file);
      const base = await ladderBase(quant, ladder);
      checkBase(deltaFile.manifest, base.digest, deltaModel(base.model));
      const opened =
        options.tuned === undefined ? null : await openTunedPath(context, quant, base, options.tuned);
      const engine = await openEngine(ladder, deltaFile, options);
      try {
        const slot = await engine.loadDelta(deltaParts(deltaFile.manifest, deltaFile.data));
        const models = {
          base: (tokens: Int32Array) => engine.logits(options.stage, tokens),
          delta: (tokens: Int32Array) => engine.logits(options.stage, tokens, slot),
          tuned: opened && referenceScorer(new ReferenceModel(quant, base.model, kept(opened.tuned.read))),
        };
        const measure = async (phase: string, texts: Parameters<typeof measureDelta>[2]) =>
          measureDelta(
            quant,
            base.model.vocabSize,
            texts,
            models,
            (d, t) => output.progress(phase, d, t),
            signal,
          );
        const special = await measure('measuring', await readTexts(options.text, base.tokenizer));
        const general =
          options.general === 0
            ? null
            : await measure('general', await generalTexts(base.tokenizer, options.general));
        const report = reportOf(deltaFile, options, special, general);
        if (options.report) await writeFile(options.report, `${JSON.stringify(report, null, 2)}\n`);
        output.result(report, textOf(report));
      } finally {
        engine.close();
        await opened?.close();
        await base.close();
      }
    });
}

async function generalTexts(tokenizer: unknown, tokens: number) {
  return thin(await corpusTokens('evaluation', tokenizer), tokens).map((sequence) => ({
    tokens: sequence,
    answerAt: 1,
  }));
}

function referenceScorer(model: ReferenceModel): Scorer {
  return async (tokens) => model.logits(await model.forward([tokens]), 0, tokens.length);
}

/** Keeps every tensor: the model runs once for each text. */
function kept(read: (name: string) => Promise<Float32Array | null>): typeof read {
  const known = new Map<string, Promise<Float32Array | null>>();
  return (name) => {
    const values = known.get(name) ?? read(name);
    known.set(name, values);
    return values;
  };
}

async function openEngine(
  ladder: OpenLadder,
  { manifest }: DeltaFile,
  options: Options,
): Promise<NativeModel> {
  const { config, configJson, stagePaths } = ladder;
  const { bytes, offsets } = Tokenizer.from(config.tokenizer as TokenizerSpec).byteTable(
    config.model.vocabSize,
  );
  const arrays = 3 * Object.keys(manifest.parts).length;
  const model = loadEngine().open(configJson, {
    threads: options.threads ?? availableParallelism(),
    kvBytes: 2 ** 29,
    kvType: 'f16',
    contextTokens: Math.min(2048, config.model.contextTokens),
    tokenBytes: bytes,
    tokenOffsets: offsets,
    delta: { slots: 1, slotBytes: manifest.data.bytes + 64 * arrays, denseSlots: 0 },
  });
  for (let stage = 0; stage <= options.stage; stage++) await model.attachStage(stage, stagePaths[stage]!);
  return model;
}

function reportOf(file: DeltaFile, options: Options, special: Comparison, general: Comparison | null) {
  const { base, delta, tuned } = special.loss;
  return {
    digest: file.digest,
    recipe: file.manifest.recipe,
    bytes: file.manifest.data.bytes,
    stage: options.stage,
    text: summary(special),
    // Of what the fine-tune takes off the loss, the share that the delta takes off too.
    retention: tuned === null ? null : (base - delta) / (base - tuned),
    general: general && summary(general),
    // Above 1: the delta makes general text less likely than the base does.
    harm: general && Math.exp(general.loss.delta - general.loss.base),
    harmOfTuned:
      general && general.loss.tuned !== null ? Math.exp(general.loss.tuned - general.loss.base) : null,
  };
}

function summary({ tokens, loss, sameTop }: Comparison) {
  const { base, delta, tuned } = loss;
  const perplexity = {
    base: Math.exp(base),
    delta: Math.exp(delta),
    tuned: tuned === null ? null : Math.exp(tuned),
  };
  return { tokens, perplexity, sameTop };
}

function textOf(report: ReturnType<typeof reportOf>): string {
  const cell = (value: number | null) => (value === null ? '-' : value.toFixed(4));
  const row = (name: string, part: ReturnType<typeof summary>) => {
    const { perplexity, sameTop } = part;
    return [
      name,
      part.tokens,
      cell(perplexity.base),
      cell(perplexity.delta),
      cell(perplexity.tuned),
      cell(sameTop.deltaTuned),
      cell(sameTop.baseTuned),
    ];
  };
  const heads = ['', 'tokens', 'perplexity base', 'delta', 'fine-tune', 'top-1 delta', 'top-1 base'];
  return [
    formatTable([
      heads,
      row('text', report.text),
      ...(report.general ? [row('general', report.general)] : []),
    ]),
    `retention ${cell(report.retention)} (share of the fine-tune's gain that the delta keeps); top-1 is agreement with the fine-tune`,
    `general text: perplexity ${cell(report.harm)} times the base's with the delta, ${cell(report.harmOfTuned)} with the fine-tune`,
  ].join('\n');
}
