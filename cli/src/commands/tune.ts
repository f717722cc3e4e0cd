import { corpusTokens } from '@zen/delta-build';
import type { Command } from 'commander';
import { common, contextOf, findLadder, quantOf, wholeNumber, withThreads } from '../context';
import { tunePacked } from '../tune/tune-packed';

interface TuneCommandOptions {
  json?: boolean;
  threads?: number;
  minutes: number;
}

export function tuneCommand(program: Command): void {
  withThreads(common(program.command('tune')))
    .description(
      "train a packed ladder's scales on the divergence from the source (Python, JAX; made on first use)",
    )
    .argument('<ladder>', 'a folder, or the name of a packed model (NAME or NAME:quick)')
    .option('--minutes <n>', 'how long to train', wholeNumber(1, 1000), 12)
    .action(async (text: string, options: TuneCommandOptions) => {
      const context = contextOf(options);
      const ladder = await findLadder(context, text);
      const texts = await corpusTokens('calibration', ladder.config.tokenizer);
      await tunePacked(context, quantOf(options), ladder.folder, options.minutes, texts);
      const { digest, folder } = await findLadder(context, ladder.folder);
      context.output.result({ folder, digest }, `${folder} is now ${digest}`);
    });
}
