import type { Command } from 'commander';
import { formatBytes } from '../../output';
import { type RemoteOptions, remoteCommand, remoteOf } from './remote-command';

/** Adds `publish` to `zen delta`. */
export function publishCommand(delta: Command): void {
  remoteCommand(delta, 'publish', 'give a delta file to the delta-store behind a gateway')
    .argument('<file>', 'NAME.delta')
    .option('--alias <name>', 'move this alias to it, whatever it stands for now')
    .action(async (file: string, options: RemoteOptions & { alias?: string }) => {
      const { context, api } = remoteOf(options);
      const published = await api.publish(file, (sent, total) =>
        context.output.progress('sending', sent, total),
      );
      const { alias } = options;
      const moved =
        alias === undefined ? null : await api.move(alias, published.id, await api.generation(alias));
      const named = moved ? `, ${moved.name} (generation ${moved.generation})` : '';
      context.output.result(
        { ...published, alias: moved },
        `${published.id}: ${published.recipe}, ${formatBytes(published.bytes)}${named}`,
      );
    });
}
