import { isLinear, modelTensors } from '@zen/ladder';
import type { BuildBase } from './build-base';
import type { Tuned } from './tuned';

/** A tensor that the fine-tune changes and no delta holds, with |change| by |base|. */
export interface OtherChange {
  name: string;
  change: number;
}

/** What a fine-tuned model changes beside its linear modules: norms, biases, embeddings, head. */
export async function otherChanges(
  base: BuildBase,
  tuned: Tuned,
  signal: AbortSignal,
): Promise<OtherChange[]> {
  if (tuned.adapter !== null) return [];
  const found: OtherChange[] = [];
  for (const name of modelTensors(base.model).keys()) {
    if (isLinear(name)) continue;
    signal.throwIfAborted();
    const [before, after] = [await base.read(name), await tuned.read(name)];
    if (before === null || after === null) continue;
    let [changed, whole] = [0, 0];
    for (let at = 0; at < before.length; at++) {
      changed += (after[at]! - before[at]!) ** 2;
      whole += before[at]! ** 2;
    }
    if (changed > 0) found.push({ name, change: Math.sqrt(changed / whole) });
  }
  return found;
}
