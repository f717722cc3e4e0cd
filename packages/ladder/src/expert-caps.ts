import {
  expertOf,
  type LadderConfig,
  type LadderTensor,
  type Rung,
  STAGES,
  sectionsOf,
} from './ladder-config';
import { SOURCE_FORMATS } from './source-format';

/**
 * Which stage each expert of a mixture may have at most, so that those in memory fit a budget: hot ones high, cold ones
 * low. What an expert costs is what it takes in memory; what it is worth is how many rows choose it, times what a row
 * loses at its stage.
 */
export interface ExpertCapsOptions {
  /** Memory for the experts together. Less than all of them take at stage 0 gives stage 0: their pages come and go. */
  budgetBytes: number;
  /**
   * What the current caps must lose more than the new ones, as a share, for the new ones to be worth a change (which
   * costs the prefix cache). Default 0.1.
   */
  margin?: number;
}

export interface ExpertCosts {
  /** [layers × experts][STAGES]: bytes that an expert takes at a stage. */
  bytes: Float64Array;
  /** [STAGES]: what a row loses by a stage, falling; the unit does not matter. */
  losses: number[];
}

/** Null for a dense model. Where a stage was never measured, each is taken to lose a quarter of the one below. */
export function expertCosts(config: LadderConfig): ExpertCosts | null {
  const { experts, layers } = config.model;
  if (experts === undefined) return null;
  const bytes = new Float64Array(layers * experts.count * STAGES);
  for (const tensor of config.tensors) {
    const place = expertOf(tensor.name);
    if (place === null) continue;
    const first = (place.layer * experts.count + place.expert) * STAGES;
    for (let stage = 0; stage < STAGES; stage++) {
      const rung = tensor.rungs.findLast((each) => each.stage <= stage) as Rung;
      bytes[first + stage] = (bytes[first + stage] ?? 0) + rungBytes(rung, tensor);
    }
  }
  const measured = config.stages.map(({ quality }) => quality?.klMean ?? Number.NaN);
  const falls = measured.every((loss, stage) => stage === 0 || loss <= (measured[stage - 1] ?? Number.NaN));
  return { bytes, losses: falls ? measured : measured.map((_, stage) => 4 ** -stage) };
}

/** Planes that are merged with those below are held in memory, with the source's bits. */
function rungBytes(rung: Rung, { shape: [rows, cols], sourceType }: LadderTensor): number {
  if (rung.kind !== 'exact' || rung.residual === null) {
    return sectionsOf(rung).reduce((sum, section) => sum + section.bytes, 0);
  }
  const scales = rung.params.bytes + (rung.supers?.bytes ?? 0);
  return (rows * cols * SOURCE_FORMATS[sourceType].bits) / 8 + scales;
}

/**
 * `load`: rows that each expert [layers × experts] was chosen for, in a window. `current`: the caps in use, null for
 * none. Gives the caps to use, which may be `current` itself.
 */
export function expertCaps(
  load: ArrayLike<number>,
  { bytes, losses }: ExpertCosts,
  current: Int8Array | null,
  { budgetBytes, margin = 0.1 }: ExpertCapsOptions,
): Int8Array {
  const cost = (expert: number, stage: number) => bytes[expert * STAGES + stage] ?? 0;
  // An expert that nobody chose may be chosen next.
  const worth = (expert: number, stage: number) => ((load[expert] ?? 0) + 1) * (losses[stage] ?? 0);
  const caps = new Int8Array(load.length);
  let left = budgetBytes;
  for (let expert = 0; expert < load.length; expert++) left -= cost(expert, 0);
  const raises = [...caps.keys()].flatMap((expert) => raisesOf(expert, cost, worth));
  raises.sort((a, b) => b.perByte - a.perByte || a.expert - b.expert || a.to - b.to);
  for (const { expert, from, to } of raises) {
    const more = cost(expert, to) - cost(expert, from);
    if (caps[expert] !== from || more > Math.max(left, 0)) continue;
    caps[expert] = to;
    left -= more;
  }
  if (current === null || current.length !== caps.length) return caps;
  const sum = (of: Int8Array, each: (expert: number, stage: number) => number) =>
    of.reduce((total, stage, expert) => total + each(expert, stage), 0);
  const fits = sum(current, cost) <= Math.max(budgetBytes, sum(caps, cost));
  return fits && sum(current, worth) <= sum(caps, worth) * (1 + margin) ? current : caps;
}

/** From stage to stage where each gains the most by byte; what they gain falls. */
function raisesOf(
  expert: number,
  cost: (expert: number, stage: number) => number,
  worth: (expert: number, stage: number) => number,
): { expert: number; from: number; to: number; perByte: number }[] {
  const raises = [];
  for (let from = 0; from < STAGES - 1; ) {
    let best = { to: from + 1, perByte: -1 };
    for (let to = from + 1; to < STAGES; to++) {
      const more = cost(expert, to) - cost(expert, from);
      const gain = worth(expert, from) - worth(expert, to);
      // What costs nothing comes first, the highest of it.
      const perByte = more > 0 ? gain / more : Number.MAX_VALUE;
      if (perByte >= best.perByte) best = { to, perByte };
    }
    raises.push({ expert, from, ...best });
    from = best.to;
  }
  return raises;
}
