import { expertOf } from './ladder-config';
import { climbs, type TensorPlan } from './plan';

/** What is measured together: a tensor, or one matrix of all experts of a layer. */
function unitOf(name: string): string {
  return expertOf(name) === null ? name : name.replace(/\.\d+\.weight$/, '.*.weight');
}

/** The tensors of every unit, in the plan's order. */
export function sensitivityUnits(plan: ReadonlyMap<string, TensorPlan>): Map<string, string[]> {
  const units = new Map<string, string[]>();
  for (const [name, how] of plan) {
    if (climbs(how)) units.set(unitOf(name), [...(units.get(unitOf(name)) ?? []), name]);
  }
  return units;
}

/**
 * Each tensor's part of what its unit was measured at: an expert's is its share of the layer's rows, so that experts
 * that are often chosen become exact first. `rows` of a layer: how many each expert was chosen for.
 */
export function spreadOverExperts(
  measured: ReadonlyMap<string, number>,
  units: ReadonlyMap<string, string[]>,
  rows: readonly (readonly number[])[],
): Map<string, number> {
  const result = new Map<string, number>();
  for (const [unit, value] of measured) {
    for (const name of units.get(unit)!) {
      const at = expertOf(name);
      const counts = at === null ? [] : rows[at.layer]!;
      // One more for each, so that an expert that few texts chose does not count for nothing.
      const all = counts.reduce((sum, count) => sum + count + 1, 0);
      result.set(name, at === null ? value : (value * (counts[at.expert]! + 1)) / all);
    }
  }
  return result;
}
