import {
  expertOf,
  type LadderConfig,
  type LadderTensor,
  type Rung,
  SOURCE_FORMATS,
  sectionsOf,
} from '@zen/ladder';

export interface MixtureReads {
  /** At which stage experts are read where that is lower. */
  expertStage?: number;
  /** Tokens of a step, which share what they read; every one chooses experts for itself. Default 1. */
  tokens?: number;
  /** Without the head, which a prompt's tokens but the last do not need. */
  headless?: boolean;
}

/**
 * Weight bytes that a step of one decoded token reads at a stage: every tensor once, in the form the engine keeps it.
 * An embedding that is not also the head is read for one row only and left out. Of a mixture's experts it reads those
 * that are chosen: the mean of all of them, as if every choice were equally likely.
 */
export function bytesPerToken(config: LadderConfig, stage: number, reads: MixtureReads = {}): number {
  const { experts, tiedEmbeddings } = config.model;
  const left = experts === undefined ? 0 : (1 - experts.perToken / experts.count) ** (reads.tokens ?? 1);
  const head = tiedEmbeddings ? 'token_embd.weight' : 'output.weight';
  return config.tensors
    .filter(({ name }) => name !== 'token_embd.weight' || tiedEmbeddings)
    .filter(({ name }) => name !== head || reads.headless !== true)
    .reduce((sum, tensor) => {
      if (expertOf(tensor.name) === null) return sum + tensorBytes(tensor, stage);
      return sum + (1 - left) * tensorBytes(tensor, Math.min(stage, reads.expertStage ?? stage));
    }, 0);
}

function tensorBytes(tensor: LadderTensor, stage: number): number {
  const rung = tensor.rungs.filter((one) => one.stage <= stage).at(-1) as Rung;
  const sections = sectionsOf(rung).reduce((sum, section) => sum + section.bytes, 0);
  if (rung.kind !== 'exact' || rung.residual === null) return sections;
  // Merged on attach into whole codes: those are read in place of the residual.
  const residual = rung.residual.planes.reduce((sum, plane) => sum + plane.bytes, 0);
  const [rows, cols] = tensor.shape;
  return sections - residual + (rows * cols * SOURCE_FORMATS[tensor.sourceType].bits) / 8;
}
