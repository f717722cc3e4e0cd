import { rename, writeFile } from 'node:fs/promises';
import { type BuildBase, buildDelta, corpusTokens, otherChanges, thin } from '@zen/delta-build';
import { MODULES, type Module, RECIPES, type Recipe } from '@zen/deltas';
import { type Command, Option } from 'commander';
import { common, contextOf, quantOf, wholeNumber, withThreads } from '../context';
import { formatBytes, formatTable } from '../output';
import { distil } from './distil';
import { moduleList } from './module-list';
import { BASE_HELP, openBase } from './open-base';
import { openTunedPath, TUNED_HELP } from './open-tuned';
import { readTexts } from './quality-texts';

interface Options {
  json?: boolean;
  threads?: number;
  recipe: Recipe;
  rank?: number;
  group?: number;
  modules?: Module[];
  out: string;
  statistics: 'full' | 'diagonal' | 'none';
  tokens: number;
  text?: string;
  distil?: string;
  distilSteps: number;
}

/** Adds `build` to `zen delta`. */
export function buildCommand(delta: Command): void {
  withThreads(common(delta.command('build')))
    .description('make a delta of a fine-tuned model or a PEFT adapter')
    .argument('<base>', BASE_HELP)
    .argument('<tuned>', TUNED_HELP)
    .requiredOption('--out <file>', 'the delta file to write')
    .addOption(new Option('--recipe <name>', 'what the delta is').choices(RECIPES).default('lora1'))
    .option(
      '--rank <n>',
      "of lora1 (to 64) and lora16; default: the adapter's own, else 8 and 16",
      wholeNumber(1, 256),
    )
    .option(
      '--group <n>',
      'columns that share a scale in dense1 and attn1; default: a whole row',
      wholeNumber(32, 2 ** 20),
    )
    .option('--modules <kinds>', `to change, of ${MODULES.join(',')}; default: the recipe's`, moduleList)
    .addOption(
      new Option('--statistics <kind>', 'of what modules see: E[x xᵀ], its diagonal, or none')
        .choices(['full', 'diagonal', 'none'])
        .default('full'),
    )
    .option('--tokens <n>', 'of calibration texts for the statistics', wholeNumber(16, 10_000_000), 4096)
    .option(
      '--text <file>',
      'calibrate on this text, or on a .jsonl of prompt and answer, and not on the ladder’s',
    )
    .option(
      '--distil <file>',
      'train the scales of dense1 and attn1 on the fine-tune’s answers to this .jsonl (Python, JAX; made on first use)',
    )
    .option('--distil-steps <n>', 'steps of that training', wholeNumber(1, 1000), 100)
    .addHelpText(
      'after',
      '\nAn adapter that already is of the recipe (LoRA factors of signs times scales for lora1, any for lora16, IA3 for vec) is taken over as it is.',
    )
    .action(async (baseText: string, tunedText: string, options: Options) => {
      const context = contextOf(options);
      const { output, signal } = context;
      const quant = quantOf(options);
      const base = await openBase(context, quant, baseText);
      const opened = await openTunedPath(context, quant, base, tunedText);
      try {
        const { tuned } = opened;
        const { recipe, statistics } = options;
        let built = await buildDelta({
          quant,
          base,
          tuned,
          recipe,
          modules: options.modules ?? null,
          rank: options.rank ?? null,
          group: options.group ?? null,
          calibration: statistics === 'none' ? [] : await calibration(base, options),
          statistics: statistics === 'none' ? 'diagonal' : statistics,
          progress: (done, total) => output.progress('building', done, total),
          signal,
        });
        if (options.distil !== undefined) {
          const chats = await readTexts(options.distil, base.tokenizer);
          const trained = await distil(context, base, tuned, built, chats, options.distilSteps);
          built = { ...built, ...trained };
        }
        const left = await otherChanges(base, tuned, signal);
        await writeWhole(options.out, built.file);
        const { digest, manifest, kept, exact } = built;
        const { bytes } = manifest.data;
        const rows = Object.entries(kept).map(([module, share]) => [module, share.toFixed(4)]);
        const lines = [
          `${digest}: ${recipe}, ${formatBytes(bytes)} of data, in ${options.out}`,
          exact ? 'taken over from the adapter as it was' : formatTable([['module', 'share kept'], ...rows]),
          ...left.map(
            ({ name, change }) => `not in the delta: ${name} (changed by ${change.toExponential(1)})`,
          ),
        ];
        output.result({ digest, recipe, file: options.out, bytes, kept, exact, left }, lines.join('\n'));
      } finally {
        await opened.close();
        await base.close();
      }
    });
}

async function calibration(base: BuildBase, options: Options): Promise<Int32Array[]> {
  if (options.text === undefined)
    return thin(await corpusTokens('calibration', base.tokenizer), options.tokens);
  const texts = await readTexts(options.text, base.tokenizer);
  return thin(
    texts.map(({ tokens }) => ({ kind: 'text', tokens })),
    options.tokens,
  );
}

/** A reader never sees half a file. */
async function writeWhole(path: string, data: Uint8Array): Promise<void> {
  const part = `${path}.part`;
  await writeFile(part, data);
  await rename(part, path);
}
