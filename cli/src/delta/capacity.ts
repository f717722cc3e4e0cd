import {
  BASES,
  type BaseShape,
  type Capacity,
  type CapacityQuestion,
  capacity,
  deltaSize,
  ENGINE_SLOTS,
  MODULES,
  type Module,
  RECIPES,
  type Recipe,
} from '@zen/deltas';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { common, contextOf, findLadder, wholeNumber } from '../context';
import { formatTable } from '../output';
import { baseOfLadder } from './ladder-base';
import { moduleList } from './module-list';
import { sizeText } from './size-text';

interface Options {
  json?: boolean;
  base: string;
  memory: number;
  usable: number;
  weightBits: number;
  kv: 'f16' | 'int8';
  context: number;
  sequences: number[];
  recipe: Recipe;
  rank: number;
  group: number;
  modules?: Module[];
  host: number;
  disk: number;
}

/** Adds `capacity` to `zen delta`. */
export function capacityCommand(delta: Command): void {
  const names = BASES.map(({ name }) => name).join(', ');
  common(delta.command('capacity'))
    .description('how many deltas a replica holds beside its weights and KV cache: arithmetic from shapes')
    .option('--base <name>', `${names}, or a ladder (a folder, NAME or NAME:quick)`, 'qwen3-4b')
    .addOption(size('--memory', 'of the GPU, or of the process', 80e9, '80GB'))
    .option('--usable <share>', 'of it for weights, KV cache and deltas, above 0 to 1', share, 0.9)
    .option('--weight-bits <n>', 'bits of a weight of the base as it runs, above 0 to 32', bits, 16)
    .addOption(new Option('--kv <type>', 'numbers in the KV cache').choices(['f16', 'int8']).default('f16'))
    .option('--context <tokens>', 'of each sequence, 1 to 16,777,216', wholeNumber(1, 2 ** 24), 2048)
    .option('--sequences <n,…>', 'that decode at once, each 0 to 65,536', counts, [1, 16, 64, 128])
    .addOption(new Option('--recipe <name>', 'what a delta is').choices(RECIPES).default('lora1'))
    .option('--rank <n>', 'of lora1 and lora16, 1 to 64', wholeNumber(1, 64), 4)
    .option(
      '--group <columns>',
      'that share a scale in dense1 and attn1; 0: a whole row',
      wholeNumber(0, 2 ** 20),
      0,
    )
    .option(
      '--modules <kinds>',
      `that a delta changes, of ${MODULES.join(',')} (default: the recipe's)`,
      moduleList,
    )
    .addOption(size('--host', 'host memory for deltas', 64e9, '64GB'))
    .addOption(size('--disk', 'disk for deltas', 1e12, '1TB'))
    .addHelpText(
      'after',
      '\nSizes: 80GB is 80,000,000,000 bytes, 80GiB is 85,899,345,920. Deltas count with the slots of the engine (dense1: those that hold the finest groups), on host and disk with their data; the KV cache with whole blocks of 16 tokens.',
    )
    .action(async (options: Options) => {
      const context = contextOf(options);
      const base =
        BASES.find(({ name }) => name === options.base) ??
        baseOfLadder((await findLadder(context, options.base)).config);
      const questions = options.sequences.map((sequences) => questionOf(base, options, sequences));
      const answers = questions.map((question) => ({
        sequences: question.sequences,
        contextTokens: question.contextTokens,
        ...capacity(question),
      }));
      const { usableBytes } = questions[0]!;
      const { recipe, weightBits } = options;
      context.output.result(
        {
          base: base.name,
          recipe,
          delta: questions[0]!.delta,
          usableBytes,
          weightBits,
          kv: options.kv,
          answers,
        },
        textOf(base, options, usableBytes, answers),
      );
    });
}

function questionOf(base: BaseShape, options: Options, sequences: number): CapacityQuestion {
  const { rank, group, modules } = options;
  return {
    base,
    delta: deltaSize(options.recipe, { rank, group, ...(modules ? { modules } : {}) }),
    usableBytes: Math.floor(options.memory * options.usable),
    weightBits: options.weightBits,
    kvType: options.kv,
    sequences,
    contextTokens: options.context,
    hostBytes: options.host,
    diskBytes: options.disk,
  };
}

type Row = Capacity & { sequences: number; contextTokens: number };

function textOf(base: BaseShape, options: Options, usableBytes: number, rows: Row[]): string {
  const { deltaBytes, slotBytes, weightsBytes, kvBytesPerToken, host, disk, withoutKv } = rows[0]!;
  const rank = options.recipe.startsWith('lora') ? ` rank ${options.rank}` : '';
  const slots = ENGINE_SLOTS[options.recipe === 'dense1' ? 'dense' : 'small'];
  const count = (value: number) => value.toLocaleString('en-US');
  return [
    `${base.name}, ${options.recipe}${rank}: a delta has ${count(deltaBytes)} bytes and takes a slot of ${count(slotBytes)}, a token of KV ${count(kvBytesPerToken)}`,
    `${gigabytes(usableBytes)} GB usable, ${gigabytes(weightsBytes)} GB of them weights`,
    formatTable([
      ['sequences', 'context', 'KV GB', 'left GB', 'deltas resident'],
      ...rows.map((row) => [
        row.sequences,
        row.contextTokens,
        gigabytes(row.kvBytes),
        gigabytes(row.leftBytes),
        row.leftBytes < 0 ? '- (weights and KV do not fit)' : count(row.resident),
      ]),
    ]),
    ...(rows.some(({ resident }) => resident > slots)
      ? [`one engine has ${count(slots)} slots of them at most`]
      : []),
    `host memory holds ${count(host)} more, the disk ${count(disk)}`,
    `without any KV cache, so with nothing decoding, it would be ${count(withoutKv)}`,
  ].join('\n');
}

function size(flag: string, about: string, bytes: number, text: string): Option {
  return new Option(`${flag} <size>`, about).argParser(sizeText).default(bytes, text);
}

const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);

function between(text: string, high: number): number {
  const value = Number(text);
  if (!(value > 0 && value <= high)) throw new InvalidArgumentError(`must be above 0 and at most ${high}`);
  return value;
}
const share = (text: string) => between(text, 1);
const bits = (text: string) => between(text, 32);

function counts(text: string): number[] {
  return text.split(',').map(wholeNumber(0, 65_536));
}
