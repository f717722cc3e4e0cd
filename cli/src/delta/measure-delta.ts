import type { NativeQuant } from '@zen/engine';
import type { ScoredText } from './quality-texts';

/** Logits [tokens, vocab] of a sequence. */
export type Scorer = (tokens: Int32Array) => Promise<Float32Array>;

export interface Comparison {
  /** Tokens that counted. */
  tokens: number;
  /** Mean −ln p of what stands in the text. */
  loss: { base: number; delta: number; tuned: number | null };
  /** Share of them where a model finds the same token most likely as the other. */
  sameTop: { deltaTuned: number | null; baseTuned: number | null; baseDelta: number };
}

/** Runs base, delta and fine-tune (where there is one) over texts, and compares what they expect. */
export async function measureDelta(
  quant: NativeQuant,
  vocab: number,
  texts: readonly ScoredText[],
  models: { base: Scorer; delta: Scorer; tuned: Scorer | null },
  progress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<Comparison> {
  const [baseDelta, tunedDelta, tunedBase] = [new Sums(), new Sums(), new Sums()];
  for (const [index, { tokens, answerAt }] of texts.entries()) {
    signal.throwIfAborted();
    progress(index, texts.length);
    // A position predicts the token behind it, so the one before the answer counts too.
    const targets = Int32Array.from(tokens, (_, at) => (at + 1 < answerAt ? -1 : (tokens[at + 1] ?? -1)));
    const base = await models.base(tokens);
    const delta = await models.delta(tokens);
    baseDelta.add(await quant.compareLogits(base, delta, targets, vocab), targets);
    if (models.tuned === null) continue;
    const tuned = await models.tuned(tokens);
    tunedDelta.add(await quant.compareLogits(tuned, delta, targets, vocab), targets);
    tunedBase.add(await quant.compareLogits(tuned, base, targets, vocab), targets);
  }
  progress(texts.length, texts.length);
  const tuned = models.tuned !== null;
  return {
    tokens: baseDelta.tokens,
    loss: {
      base: baseDelta.mean('reference'),
      delta: baseDelta.mean('test'),
      tuned: tuned ? tunedDelta.mean('reference') : null,
    },
    sameTop: {
      deltaTuned: tuned ? tunedDelta.mean('same') : null,
      baseTuned: tuned ? tunedBase.mean('same') : null,
      baseDelta: baseDelta.mean('same'),
    },
  };
}

/** Sums of what `compareLogits` says of the tokens that have a target. */
class Sums {
  tokens = 0;
  private readonly sums = { reference: 0, test: 0, same: 0 };

  add(found: Float32Array, targets: Int32Array): void {
    for (const [at, target] of targets.entries()) {
      if (target < 0) continue;
      this.tokens++;
      this.sums.reference += found[4 * at + 1]!;
      this.sums.test += found[4 * at + 2]!;
      this.sums.same += found[4 * at + 3]!;
    }
  }
  mean(what: 'reference' | 'test' | 'same'): number {
    return this.sums[what] / this.tokens;
  }
}
