import { expertNames } from './reference-mixture';
import { type DenseReader, hessianOf, type ReferenceModel } from './reference-model';

/** Hidden states that go into a layer: [tokens, hiddenSize], sequences one after the other. */
export interface LayerStates {
  x: Float32Array;
  lengths: Int32Array;
}

export interface MixtureCodingJob {
  reference: ReferenceModel;
  read: DenseReader;
  /** Makes and keeps a tensor's codes. */
  code(name: string, hessian: Float32Array | null, values: Float32Array): Promise<void>;
  /** Share of the layer that is done. */
  progress(share: number): void;
}

/** With fewer rows an expert borrows others of the layer; why so few: docs/decisions/2026-11-26-experts-in-a-ladder.md. */
const LEAST_ROWS = 16;

/**
 * Codes the tensors `left` of one layer of a mixture. An expert's covariances are those of the rows that the router
 * sends there; one that got too few borrows others of the layer. One expert's dense weights are in memory at a time.
 * `states` go through the layer, null: plain rounding.
 */
export async function codeMixtureLayer(
  job: MixtureCodingJob,
  layer: number,
  left: readonly string[],
  states: LayerStates | null,
): Promise<void> {
  const { reference, read, code } = job;
  if (states === null) {
    for (const name of left) await code(name, null, (await read(name))!);
    return;
  }
  const attention = left.filter((name) => !name.includes('.ffn_'));
  const hessians = attention.length > 0 ? reference.emptyHessians() : null;
  const mixture = await reference.attention(layer, states.x, states.lengths, hessians, read);
  for (const name of attention) await code(name, hessians![hessianOf(name)], (await read(name))!);
  for (const [index, expert] of mixture.experts.entries()) {
    job.progress(index / mixture.experts.length);
    const dense = new Map<string, Float32Array>();
    for (const name of expertNames(layer, expert)) dense.set(name, (await read(name))!);
    const own = [...dense.keys()].filter((name) => left.includes(name));
    const found = await mixture.add(
      expert,
      async (name) => dense.get(name) ?? null,
      own.length > 0 ? LEAST_ROWS : null,
    );
    for (const name of own) await code(name, found?.[hessianOf(name) as 'ffnIn'] ?? null, dense.get(name)!);
  }
  mixture.finish();
}
