import { checkBase, deltaModel } from '@zen/deltas';
import type { Command } from 'commander';
import { common, contextOf, findLadder } from '../context';
import { readDeltaPath } from './delta-path';

/** Adds `verify` to `zen delta`. */
export function verifyDeltaCommand(delta: Command): void {
  common(delta.command('verify'))
    .description('check every byte of a delta file, and that it fits a base')
    .argument('<file>', 'NAME.delta')
    .option('--base <ladder>', 'the ladder that it must be made for (a folder, NAME or NAME:quick)')
    .option('--digest <digest>', 'the id that it must have')
    .action(async (file: string, options: { json?: boolean; base?: string; digest?: string }) => {
      const context = contextOf(options);
      const { digest, manifest } = await readDeltaPath(file, options.digest);
      if (options.base !== undefined) {
        const { config } = await findLadder(context, options.base);
        checkBase(manifest, `sha256:${config.source.tensorsSha256}`, deltaModel(config.model));
      }
      const fits = options.base === undefined ? '' : `, fits ${options.base}`;
      context.output.result({ ok: true, digest, base: manifest.base }, `ok: ${digest}${fits}`);
    });
}
