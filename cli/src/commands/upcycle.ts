import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { upcycle } from '@zen/importers';
import { type Command, InvalidArgumentError } from 'commander';
import { common, contextOf, fetchSource, wholeNumber } from '../context';
import { formatBytes } from '../output';

interface UpcycleCommandOptions {
  json?: boolean;
  experts: number;
  top: number;
  perturb: number;
  seed: number;
  layers?: number;
  output: string;
}

export function upcycleCommand(program: Command): void {
  common(program.command('upcycle'))
    .description(
      'make a mixture of experts of a dense model: copies of every feed-forward behind random routers',
    )
    .argument('<model>', 'a name or address as in `zen pull`; a GGUF of llama or qwen3')
    .option('--experts <n>', 'experts of every layer, 2 to 1024', wholeNumber(2, 1024), 8)
    .option('--top <n>', 'experts that a token takes, 1 to 64', wholeNumber(1, 64), 2)
    .option(
      '--perturb <x>',
      'times 1 + x · normal for every block of an expert, 0 to 1, so that a wrong expert shows; 0: copies',
      share,
      0,
    )
    .option('--seed <n>', 'of routers and perturbation, 0 to 4294967295', wholeNumber(0, 2 ** 32 - 1), 1)
    .option(
      '--layers <n>',
      'keep only the first layers, and write the dense model of as many too',
      wholeNumber(1, 1024),
    )
    .requiredOption('--output <folder>', 'where to write NAME-8x.gguf, for `zen pack`')
    .action(async (model: string, options: UpcycleCommandOptions) => {
      const context = contextOf(options);
      const { experts, top: perToken, perturb, seed, output } = options;
      const layers = options.layers ?? null;
      const source = await fetchSource(context, model);
      try {
        await mkdir(output, { recursive: true });
        const base = layers === null ? source.name : `${source.name}-${layers}-layers`;
        const write = (ending: string, mixture: Parameters<typeof upcycle>[2]['mixture']) => {
          const path = join(output, `${base}-${ending}.gguf`);
          const progress = (done: number, total: number) =>
            context.output.progress(`writing ${ending}`, done, total);
          return upcycle(source, path, { mixture, layers, progress, signal: context.signal }).then(
            (bytes) => ({
              path,
              bytes,
            }),
          );
        };
        const mixture = await write(`${experts}x${perturb > 0 ? '-perturbed' : ''}`, {
          experts,
          perToken,
          perturb,
          seed,
        });
        const dense = layers === null ? null : await write('dense', null);
        const lines = [mixture, ...(dense ? [dense] : [])].map(
          ({ path, bytes }) => `${formatBytes(bytes)} in ${path}`,
        );
        context.output.result({ mixture, dense, sourceBytes: source.bytes }, lines.join('\n'));
      } finally {
        await source.close();
      }
    });
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('must be a number from 0 to 1');
  return value;
}
