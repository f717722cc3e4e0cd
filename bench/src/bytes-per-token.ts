import {
  expertOf,
  type LadderConfig,
  type LadderTensor,
  type Rung,
  SOURCE_FORMATS,
  sectionsOf,
} from '@zen/ladder';

/**
 * Weight bytes that one decoded token reads at a stage: every tensor once, in the form the engine keeps it. An
 * embedding that is not also the head is read for one row only and left out. Of a mixture's experts a token reads
 * `perToken`, at `expertStage` where that is lower: the mean of all of them.
 */
export function bytesPerToken(config: LadderConfig, stage: number, expertStage = stage): number {
  const { experts, tiedEmbeddings } = config.model;
  const read = experts === undefined ? 1 : experts.perToken / experts.count;
  return config.tensors
    .filter(({ name }) => name !== 'token_embd.weight' || tiedEmbeddings)
    .reduce((sum, tensor) => {
      const expert = expertOf(tensor.name) !== null;
      return sum + (expert ? read * tensorBytes(tensor, expertStage) : tensorBytes(tensor, stage));
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
