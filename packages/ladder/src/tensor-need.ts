import { CHUNK_BYTES, expertOf, type LadderConfig, sectionsOf } from './ladder-config';
import type { ModelConfig } from './source-model';

/** Highest stage up to which a tensor is needed, by its name; −1 where it is not. */
export type TensorNeed = (tensor: string) => number;

/**
 * Some experts of a mixture: `resident` is [layers][experts], the highest stage of each, −1 for none; every other
 * tensor is needed up to `others`.
 */
export function expertNeed(
  { layers, experts }: Pick<ModelConfig, 'layers' | 'experts'>,
  resident: Int8Array,
  others: number,
): TensorNeed {
  const count = experts?.count ?? 0;
  if (resident.length !== layers * count) {
    throw new RangeError(`resident: must have ${layers} × ${count} numbers, not ${resident.length}`);
  }
  return (tensor) => {
    const one = expertOf(tensor);
    return one === null ? others : resident[one.layer * count + one.expert]!;
  };
}

/**
 * Chunks of each stage's blob that hold a byte of what is needed, one byte each, 1 for needed; stage k at index k. To
 * compute with a tensor at a stage takes the sections of all its rungs up to there.
 */
export function neededChunks(
  { stages, tensors }: Pick<LadderConfig, 'stages' | 'tensors'>,
  need: TensorNeed,
): Uint8Array[] {
  const chunks = stages.map(({ bytes }) => new Uint8Array(Math.ceil(bytes / CHUNK_BYTES)));
  for (const { name, rungs } of tensors) {
    const highest = need(name);
    for (const section of rungs.filter(({ stage }) => stage <= highest).flatMap(sectionsOf)) {
      if (section.bytes === 0) continue;
      const last = Math.floor((section.offset + section.bytes - 1) / CHUNK_BYTES);
      chunks[section.stage]!.fill(1, Math.floor(section.offset / CHUNK_BYTES), last + 1);
    }
  }
  return chunks;
}

/** The experts that have bytes in a chunk of a stage's blob, each once. */
export function chunkExperts(
  { tensors }: Pick<LadderConfig, 'tensors'>,
  stage: number,
  chunk: number,
): { layer: number; expert: number }[] {
  const found = new Map<string, { layer: number; expert: number }>();
  const [from, to] = [chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES];
  for (const { name, rungs } of tensors) {
    const expert = expertOf(name);
    if (expert === null) continue;
    const touches = rungs
      .flatMap(sectionsOf)
      .some((one) => one.stage === stage && one.offset < to && one.offset + one.bytes > from);
    if (touches) found.set(`${expert.layer}:${expert.expert}`, expert);
  }
  return [...found.values()];
}
