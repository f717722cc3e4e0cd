import { resolve } from 'node:path';
import { replaceFile } from '@zen/disk';
import { type LadderConfig, verifyLadder } from '@zen/ladder';
import { type Command, Option } from 'commander';
import { common, contextOf, findLadder, quantOf, wholeNumber, withThreads } from '../context';
import { measureLadder } from '../measure-ladder';
import { formatTable } from '../output';

interface QualityCommandOptions {
  json?: boolean;
  threads?: number;
  with: 'engine' | 'reference';
  tokens: number;
  report?: string;
  keep: boolean;
  answers: boolean;
}

export function qualityCommand(program: Command): void {
  withThreads(common(program.command('quality')))
    .description(
      'measure every stage against the source model and write the result into the manifest; goes on where it was cut off',
    )
    .argument('<ladder>', 'a folder, or the name of a packed model (NAME or NAME:quick)')
    .addOption(
      new Option(
        '--with <how>',
        'what runs the stages: the engine, or float32 without answers to JSON prompts',
      )
        .choices(['engine', 'reference'])
        .default('engine'),
    )
    .option('--tokens <n>', 'about how many tokens to measure on', wholeNumber(64, 10_000_000), 1_000_000)
    .option('--report <file>', 'also write the result to a file')
    .option('--no-answers', 'leave out the JSON prompts, which take longest on large models')
    .option('--no-keep', 'leave the manifest as it is')
    .action(async (text: string, options: QualityCommandOptions) => {
      const context = contextOf(options);
      const quant = quantOf(options);
      const ladder = await findLadder(context, text);
      const { signal } = context;
      // The top stage stands for the source: its values are the source's own, which is checked first.
      await verifyLadder(ladder, { quant, signal, progress: (p, d, t) => context.output.progress(p, d, t) });
      const { config, tokens, done } = await measureLadder(context, quant, ladder, {
        with: options.with,
        tokens: options.tokens,
        threads: options.threads,
        json: options.answers,
        keep: options.keep,
        resumeAt: resolve(options.report ?? `${ladder.folder}.quality`),
      });
      const report = reportOf(config, tokens, options.with);
      if (options.report) await replaceFile(resolve(options.report), `${JSON.stringify(report, null, 2)}\n`);
      await done();
      const rows = report.stages.map((stage) => Object.values(stage).map((value) => String(value ?? '-')));
      context.output.result(report, formatTable([Object.keys(report.stages[0]!), ...rows]));
    });
}

function reportOf(config: LadderConfig, tokens: number, measuredWith: string) {
  return {
    model: config.name,
    source: config.source,
    tokens,
    measuredWith,
    floors: config.floors,
    stages: config.stages.map(({ stage, bytes, bitsPerLinearWeight, quality }) => ({
      stage,
      bytes,
      bitsPerLinearWeight,
      perplexityRatio: quality!.perplexityRatio,
      top1: quality!.top1,
      klMean: quality!.klMean,
      klP99: quality!.klP99,
      jsonValid: quality!.jsonValid,
      minServable: config.minServable,
    })),
  };
}
