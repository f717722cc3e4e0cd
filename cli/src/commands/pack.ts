import { CODING_DEFAULTS, ladderPath, packLadder } from '@zen/ladder';
import { type Command, Option } from 'commander';
import { common, contextOf, fetchSource, quantOf, withThreads } from '../context';
import { corpusTokens, thin } from '../corpus-tokens';
import { formatBytes, formatTable } from '../output';

interface PackCommandOptions {
  json?: boolean;
  threads?: number;
  plan: 'quick' | 'full';
  out?: string;
}

/** Calibration tokens by plan. */
const CALIBRATION = { quick: 2048, full: 16_384 };

export function packCommand(program: Command): void {
  withThreads(common(program.command('pack')))
    .description('pack a model into a ladder of five nested qualities')
    .argument('<model>', 'a name or address as in `zen pull`')
    .addOption(
      new Option('--plan <plan>', 'quick: a minute; full: calibrated')
        .choices(['quick', 'full'])
        .default('full'),
    )
    .option('--out <folder>', 'where to write (default: the cache, ladders/NAME/PLAN)')
    .action(async (model: string, options: PackCommandOptions) => {
      const context = contextOf(options);
      const quant = quantOf(options);
      const source = await fetchSource(context, model);
      try {
        const folder = options.out ?? ladderPath(context.home, source.name, options.plan);
        const texts = await corpusTokens('calibration', source.tokenizer);
        const config = await packLadder(source, {
          quant,
          folder,
          plan: { bits: 3, group: 64, order: null },
          coding: { ...CODING_DEFAULTS, calibration: thin(texts, CALIBRATION[options.plan]) },
          signal: context.signal,
          progress: ({ phase, done, total }) => context.output.progress(phase, done, total),
        });
        const total = config.stages.reduce((sum, stage) => sum + stage.bytes, 0);
        const rows = config.stages.map((s) => [
          s.stage,
          formatBytes(s.bytes),
          s.bitsPerLinearWeight.toFixed(2),
        ]);
        context.output.result(
          { folder, name: config.name, stages: config.stages, bytes: total, sourceBytes: source.bytes },
          `${formatTable([['stage', 'bytes', 'bits/weight'], ...rows])}\n${formatBytes(total)} in ${folder}, ${(total / source.bytes).toFixed(3)} × the source`,
        );
      } finally {
        await source.close();
      }
    });
}
