import type { Command } from 'commander';
import { formatBytes, formatTable } from '../../output';
import { type RemoteOptions, remoteCommand, remoteOf } from './remote-command';

/** Adds `list` to `zen delta`. */
export function listCommand(delta: Command): void {
  remoteCommand(delta, 'list', 'the deltas of the key’s tenant').action(async (options: RemoteOptions) => {
    const { context, api } = remoteOf(options);
    const [deltas, aliases] = await Promise.all([api.list(), api.aliases()]);
    const namesOf = (id: string) => aliases.filter(({ digest }) => digest === id).map(({ name }) => name);
    const rows = deltas.map(({ id, recipe, bytes, created }) => [
      id,
      recipe,
      formatBytes(bytes),
      new Date(created * 1000).toISOString(),
      namesOf(id).join(' '),
    ]);
    context.output.result(
      deltas.map((one) => ({ ...one, aliases: namesOf(one.id) })),
      rows.length === 0
        ? 'no deltas'
        : formatTable([['digest', 'recipe', 'data', 'published', 'aliases'], ...rows]),
    );
  });
}
