import { GREEDY, type NativeModel } from '@zen/engine';
import { median } from '../report';

export interface StageDraft {
  /** Share of the stage's guesses that came out. */
  alpha: number;
  /** Milliseconds per token with drafts of `guesses`. */
  msPerToken: number;
}

/** Continues `tokens` with `guesses` tokens drafted by `lower` in every step, greedy. */
export async function stageDraft(
  model: NativeModel,
  prompt: Int32Array,
  lower: number,
  top: number,
  guesses: number,
  count: number,
): Promise<StageDraft> {
  const sequence = model.createSequence(GREEDY);
  try {
    const base = { sequence, embeddings: null, stage: top, sample: true };
    const [first] = await model.step([{ ...base, tokens: prompt, draft: null }]);
    let token = first?.token ?? 0;
    let kept = 0;
    let judged = 0;
    let tokens = 0;
    const started = performance.now();
    while (tokens < count) {
      const draft = guesses === 0 ? null : { stage: lower, count: guesses };
      const [out] = await model.step([{ ...base, tokens: Int32Array.of(token), draft }]);
      if (out === undefined) throw new Error('a step without a result');
      kept += out.kept.length;
      judged += Math.min(out.kept.length + 1, guesses);
      tokens += out.kept.length + 1;
      token = out.token;
    }
    return { alpha: kept / judged, msPerToken: (performance.now() - started) / tokens };
  } finally {
    model.freeSequence(sequence);
  }
}

/** Median milliseconds of a step that computes one token and checks `rows - 1` guesses. */
export async function stepMs(
  model: NativeModel,
  prompt: Int32Array,
  stage: number,
  rows: number,
  repeats: number,
): Promise<number> {
  const sequence = model.createSequence(GREEDY);
  try {
    const base = { sequence, embeddings: null, stage, sample: true };
    await model.step([{ ...base, tokens: prompt, draft: null }]);
    const times: number[] = [];
    for (let i = 0; i <= repeats; i++) {
      const draft = rows === 1 ? null : { tokens: prompt.subarray(0, rows - 1) };
      const started = performance.now();
      await model.step([{ ...base, tokens: prompt.subarray(0, 1), draft }]);
      if (i > 0) times.push(performance.now() - started);
    }
    return median(times);
  } finally {
    model.freeSequence(sequence);
  }
}

/**
 * Time of a step with `each` sequences of both stages over that of a step for each stage, the median of interleaved
 * rounds.
 */
export async function mixedRatio(
  model: NativeModel,
  prompt: Int32Array,
  lower: number,
  top: number,
  each: number,
  rounds: number,
): Promise<number> {
  const stages = [...new Array<number>(each).fill(lower), ...new Array<number>(each).fill(top)];
  const sequences = stages.map(() => model.createSequence(GREEDY));
  const items = sequences.map((sequence, i) => ({
    sequence,
    tokens: prompt.subarray(0, 32 + i),
    embeddings: null,
    stage: stages[i] as number,
    sample: true,
    draft: null,
  }));
  try {
    await model.step(items);
    const next = items.map((item) => ({ ...item, tokens: prompt.subarray(0, 1) }));
    const time = async (batches: (typeof next)[]) => {
      const started = performance.now();
      for (const batch of batches) await model.step(batch);
      return performance.now() - started;
    };
    const ratios: number[] = [];
    for (let round = -1; round < rounds; round++) {
      const together = await time([next]);
      const separate = await time([next.slice(0, each), next.slice(each)]);
      if (round >= 0) ratios.push(together / separate);
    }
    return median(ratios);
  } finally {
    for (const sequence of sequences) model.freeSequence(sequence);
  }
}
