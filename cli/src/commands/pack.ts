import { type CorpusSequence, corpusTokens, thin } from '@zen/delta-build';
import {
  CODING_DEFAULTS,
  ladderPath,
  needDense,
  openLadder,
  packLadder,
  type SourceModel,
} from '@zen/ladder';
import { type Command, Option } from 'commander';
import { common, contextOf, fetchSource, quantOf, wholeNumber, withThreads } from '../context';
import { measureLadder } from '../measure-ladder';
import { formatBytes } from '../output';
import { stageTable } from '../stage-table';
import { tunePacked } from '../tune/tune-packed';

interface PackCommandOptions {
  json?: boolean;
  threads?: number;
  plan: 'quick' | 'full';
  out?: string;
  tune?: boolean;
  tuneMinutes: number;
  calibration?: number;
  rounds?: number;
  measure?: number;
}

/** Tokens by plan. */
const CALIBRATION = { quick: 2048, full: 16_384 };
const MEASURE = { quick: 512, full: 4096 };

export function packCommand(program: Command): void {
  withThreads(common(program.command('pack')))
    .description('pack a model into a ladder of five nested qualities')
    .argument('<model>', 'a name or address as in `zen pull`')
    .addOption(
      new Option('--plan <plan>', 'quick: a minute; full: calibrated')
        .choices(['quick', 'full'])
        .default('full'),
    )
    .option(
      '--calibration <n>',
      'about how many tokens to calibrate on; 0: plain rounding',
      wholeNumber(0, 10_000_000),
    )
    .option(
      '--rounds <n>',
      'how often scales and codes are improved in turn (default: 1 quick, 3 full)',
      wholeNumber(0, 16),
    )
    .option(
      '--measure <n>',
      'about how many tokens to measure the stages on; 0: not',
      wholeNumber(0, 10_000_000),
    )
    .option('--out <folder>', 'where to write (default: the cache, ladders/NAME/PLAN)')
    .option(
      '--tune',
      'then train the scales on the divergence from the source (Python, JAX; made on first use)',
    )
    .option('--tune-minutes <n>', 'how long to train', wholeNumber(1, 1000), 12)
    .action(async (model: string, options: PackCommandOptions) => {
      const context = contextOf(options);
      const quant = quantOf(options);
      const source = await fetchSource(context, model);
      try {
        if (options.tune) needDense(source.config);
        const folder = options.out ?? ladderPath(context.home, source.name, options.plan);
        const texts = await corpusTokens('calibration', source.tokenizer);
        await packLadder(source, {
          quant,
          folder,
          plan: { bits: 3, group: 64, embeddingBits: 5 },
          sensitivity: options.plan === 'full' ? sensitivityTexts(texts, source) : null,
          coding: {
            ...CODING_DEFAULTS,
            rounds: options.rounds ?? (options.plan === 'quick' ? 1 : CODING_DEFAULTS.rounds),
            calibration: calibrationTexts(texts, options.calibration ?? CALIBRATION[options.plan]),
          },
          signal: context.signal,
          progress: ({ phase, done, total }) => context.output.progress(phase, done, total),
        });
        if (options.tune) await tunePacked(context, quant, folder, options.tuneMinutes, texts);
        const tokens = options.measure ?? MEASURE[options.plan];
        const ladder = await openLadder(folder);
        const { config } =
          tokens === 0
            ? ladder
            : await measureLadder(context, quant, ladder, {
                with: 'engine',
                tokens,
                threads: options.threads,
                json: options.plan === 'full',
                keep: true,
                resumeAt: null,
              });
        const { name, stages, minServable } = config;
        const bytes = stages.reduce((sum, stage) => sum + stage.bytes, 0);
        context.output.result(
          { folder, name, stages, minServable, bytes, sourceBytes: source.bytes },
          `${stageTable(config)}\n${formatBytes(bytes)} in ${folder}, ${(bytes / source.bytes).toFixed(3)} × the source`,
        );
      } finally {
        await source.close();
      }
    });
}

const calibrationTexts = (texts: CorpusSequence[], tokens: number) =>
  tokens === 0 ? [] : thin(texts, tokens);

/** Models from here on (in weights) are measured on fewer tokens: every layer runs for all tensors below it. */
const LARGE_MODEL = 2 ** 29;

/**
 * Short pieces of different kinds: enough to rank tensors, few enough to run the model for each. Those for large
 * models are taken from the texts' ends, because rendered chats all begin alike.
 */
function sensitivityTexts(texts: CorpusSequence[], source: SourceModel): Int32Array[] {
  const weights = source.tensors.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
  const large = weights > LARGE_MODEL;
  const step = Math.max(1, Math.floor(texts.length / (large ? 3 : 6)));
  return texts
    .filter((_, index) => index % step === 0)
    .map(({ tokens }) => (large ? tokens.slice(-8) : tokens.slice(0, 32)));
}
