import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkBase, deltaModel, deltaParts, writePeft } from '@zen/deltas';
import type { Command } from 'commander';
import { common, contextOf, findLadder } from '../context';
import { formatBytes } from '../output';
import { readDeltaPath } from './delta-path';

/** Adds `export` to `zen delta`. */
export function exportCommand(delta: Command): void {
  common(delta.command('export'))
    .description('write a delta as a PEFT adapter: lora1 and lora16 as LoRA, vec as IA3')
    .argument('<file>', 'NAME.delta')
    .requiredOption(
      '--base <ladder>',
      'its base, whose order of rows decides theirs (a folder, NAME or NAME:quick)',
    )
    .requiredOption('--peft <folder>', 'where adapter_config.json and adapter_model.safetensors go')
    .option('--base-name <text>', 'what the adapter says its base is; default: where the ladder came from')
    .action(
      async (file: string, options: { json?: boolean; base: string; peft: string; baseName?: string }) => {
        const context = contextOf(options);
        const { manifest, data, digest } = await readDeltaPath(file);
        const { config } = await findLadder(context, options.base);
        checkBase(manifest, `sha256:${config.source.tensorsSha256}`, deltaModel(config.model));
        const name = options.baseName ?? config.source.uri;
        const files = writePeft(manifest, deltaParts(manifest, data), config.model.ropeStyle, name);
        await mkdir(options.peft, { recursive: true });
        await writeFile(join(options.peft, 'adapter_model.safetensors'), files.model);
        await writeFile(join(options.peft, 'adapter_config.json'), files.config);
        context.output.result(
          { digest, folder: options.peft, bytes: files.model.byteLength },
          `${digest} as a PEFT adapter in ${options.peft}, ${formatBytes(files.model.byteLength)}`,
        );
      },
    );
}
