import { type Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from '../../context';
import { formatTable } from '../../output';
import type { RemoteAlias } from './delta-api';
import { type RemoteOptions, remoteCommand, remoteOf } from './remote-command';

type Options = RemoteOptions & { expect?: number; history?: boolean; rm?: boolean };

/** Adds `alias` to `zen delta`. */
export function aliasCommand(delta: Command): void {
  remoteCommand(delta, 'alias', 'names that stand for deltas: all, what one stands for, or move it')
    .argument('[name]', 'such as users/alice')
    .argument('[digest]', 'move it there')
    .option(
      '--expect <generation>',
      'change it only if it stands there; 0: it was never there',
      wholeNumber(0, 2 ** 52),
    )
    .option('--history', 'all generations, the newest first')
    .option('--rm', 'delete it')
    .action(async (name: string | undefined, digest: string | undefined, options: Options) => {
      const { context, api } = remoteOf(options);
      const change = digest !== undefined || options.rm === true;
      if (name === undefined && (options.history || change)) throw new InvalidArgumentError('name an alias');
      if (digest !== undefined && options.rm) throw new InvalidArgumentError('a digest or --rm, not both');
      if (name === undefined) return context.output.result(...shown(await api.aliases()));
      if (options.history && !change) return context.output.result(...shown(await api.history(name)));
      if (!change) {
        const alias = await api.alias(name);
        return context.output.result(
          alias,
          `${alias.name}: ${alias.digest} (generation ${alias.generation})`,
        );
      }
      const expected = options.expect ?? (await api.generation(name));
      const changed =
        digest === undefined ? await api.removeAlias(name, expected) : await api.move(name, digest, expected);
      const now = changed.digest ?? 'deleted';
      context.output.result(changed, `${changed.name}: ${now} (generation ${changed.generation})`);
    });
}

function shown(aliases: RemoteAlias[]): [unknown, string] {
  const rows = aliases.map(({ name, digest, generation }) => [name, digest ?? 'deleted', String(generation)]);
  return [
    aliases,
    rows.length === 0 ? 'no aliases' : formatTable([['alias', 'digest', 'generation'], ...rows]),
  ];
}
