import type { LadderTensor, ModelConfig } from '@zen/ladder';
import type { Command } from 'commander';
import { common, contextOf, findLadder } from '../context';
import { formatBytes, formatTable } from '../output';
import { stageTable } from '../stage-table';

export function inspectCommand(program: Command): void {
  common(program.command('inspect'))
    .description("show a ladder's stages, their sizes and measured quality")
    .argument('<ladder>', 'a folder, or the name of a packed model (NAME or NAME:quick)')
    .option('--tensors', 'list every tensor with its rungs')
    .action(async (text: string, options: { json?: boolean; tensors?: boolean }) => {
      const context = contextOf(options);
      const { folder, config, digest } = await findLadder(context, text);
      const { name, model, source, stages, minServable, floors, tensors } = config;
      const value = { folder, digest, name, model, source, stages, minServable, floors };
      const lines = [
        `${name}: ${model.architecture}, ${model.layers} layers${expertsText(model)}, ${tensors.length} tensors`,
        `source ${source.uri} (${formatBytes(source.bytes)})`,
        `digest ${digest}`,
        stageTable(config),
        `servable from stage ${minServable} (top-1 ≥ ${floors.top1}, KL ≤ ${floors.klMean}, JSON ≥ ${floors.jsonValid} of the source's)`,
      ];
      if (options.tensors)
        lines.push(formatTable([['tensor', 'shape', 'type', 'rungs'], ...tensors.map(tensorRow)]));
      context.output.result(options.tensors ? { ...value, tensors } : value, lines.join('\n'));
    });
}

function expertsText({ experts }: ModelConfig): string {
  if (!experts) return '';
  const shared = experts.sharedFfnSize > 0 ? ' and a shared one' : '';
  return ` of ${experts.count} experts (${experts.perToken} for a token${shared})`;
}

function tensorRow({ name, shape, sourceType, rungs }: LadderTensor): string[] {
  const text = rungs.map((rung) => {
    const like = rung.kind === 'coded' && rung.like ? ` like ${rung.like}` : '';
    const bits = rung.kind === 'coded' ? `${rung.bits}g${rung.group}${like}` : rung.kind;
    return `${rung.stage}:${bits}`;
  });
  return [name, shape.join('×'), sourceType, text.join(' ')];
}
