import type { Command } from 'commander';
import { common, contextOf } from '../context';
import { formatBytes, formatTable } from '../output';
import { readDeltaPath } from './delta-path';

/** Adds `inspect` to `zen delta`. */
export function inspectDeltaCommand(delta: Command): void {
  common(delta.command('inspect'))
    .description('show what a delta file is and what it changes')
    .argument('<file>', 'NAME.delta')
    .action(async (file: string, options: { json?: boolean }) => {
      const context = contextOf(options);
      const { digest, manifest } = await readDeltaPath(file);
      const rows = Object.entries(manifest.parts).map(([module, part]) => [
        module,
        `${part.out}×${part.in}`,
        `${part.layers.length} of ${manifest.model.layers}`,
        'rank' in part ? part.rank : '-',
        'group' in part ? part.group : '-',
      ]);
      const lines = [
        `${digest}: ${manifest.recipe}, ${formatBytes(manifest.data.bytes)} of data`,
        `base ${manifest.base}`,
        formatTable([['module', 'shape', 'layers', 'rank', 'group'], ...rows]),
      ];
      context.output.result({ digest, manifest }, lines.join('\n'));
    });
}
