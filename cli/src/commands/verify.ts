import { verifyLadder } from '@zen/ladder';
import type { Command } from 'commander';
import { common, contextOf, findLadder, quantOf, withThreads } from '../context';

export function verifyCommand(program: Command): void {
  withThreads(common(program.command('verify')))
    .description("check every chunk, and that the top stage has exactly the source's values")
    .argument('<ladder>', 'a folder, or the name of a packed model (NAME or NAME:quick)')
    .action(async (text: string, options: { json?: boolean; threads?: number }) => {
      const context = contextOf(options);
      const ladder = await findLadder(context, text);
      const found = await verifyLadder(ladder, {
        quant: quantOf(options),
        signal: context.signal,
        progress: (phase, done, total) => context.output.progress(phase, done, total),
      });
      context.output.result(
        { folder: ladder.folder, digest: ladder.digest, ok: true, ...found },
        `ok: ${found.chunks} chunks; ${found.tensors} tensors equal the source's (sha256 ${found.tensorsSha256})`,
      );
    });
}
