import type { NativeQuant } from '@zen/engine';
import type { QualityFloors, StageQuality } from './ladder-config';
import type { ReferenceModel } from './reference-model';

/** A stage as it answers: its logits [tokens, vocabSize] for one whole sequence, and greedy text. */
export interface StageUnderTest {
  stage: number;
  logits(tokens: Int32Array): Promise<Float32Array>;
  /** Greedy continuations as texts, or null where the stage cannot generate. */
  answers: ((prompts: Int32Array[], most: number) => Promise<string[]>) | null;
}

/** What a measurement has so far, kept by its owner so that it can go on where it was; null is not measured yet. */
export interface QualityWork {
  /** Of a text, by its place among `sequences`: what `compareLogits` said of it, stage after stage. */
  text(index: number): Promise<Float32Array | null>;
  keepText(index: number, values: Float32Array): Promise<void>;
  /** Of a stage: the share of its JSON answers that parse. */
  jsonValid(stage: number): Promise<number | null>;
  keepJsonValid(stage: number, share: number): Promise<void>;
}

export interface QualityOptions {
  quant: NativeQuant;
  /** The source model. */
  reference: ReferenceModel;
  sequences: Int32Array[];
  /** Rendered prompts that ask for JSON. */
  jsonPrompts: Int32Array[];
  stages: StageUnderTest[];
  /** Told of what is measured now, not of what was before. */
  progress: (done: number, total: number) => void;
  signal: AbortSignal;
  work?: QualityWork;
}

/** Longest answer to a JSON prompt, in tokens. */
const JSON_TOKENS = 256;

/** Values of `compareLogits` for each token. */
const PER_TOKEN = 4;

/** Measures every stage against the source model on the same tokens. */
export async function measureQuality(options: QualityOptions): Promise<StageQuality[]> {
  const { sequences, stages, work } = options;
  const sums = stages.map(() => new Divergence());
  const total = sequences.length + stages.length;
  let done = 0;
  for (const [index, tokens] of sequences.entries()) {
    const size = PER_TOKEN * tokens.length;
    const kept = await work?.text(index);
    const values = kept?.length === stages.length * size ? kept : await compareStages(tokens, options);
    sums.forEach((sum, at) => {
      sum.add(values.subarray(at * size, (at + 1) * size));
    });
    done++;
    if (values === kept) continue;
    await work?.keepText(index, values);
    options.progress(done, total);
  }
  const qualities: StageQuality[] = [];
  for (const [index, stage] of stages.entries()) {
    const jsonValid = await jsonShare(stage, options);
    options.progress(++done, total);
    qualities.push({ ...sums[index]!.quality(), jsonValid });
  }
  return qualities;
}

/** What `compareLogits` says of a text, stage after stage. */
async function compareStages(
  tokens: Int32Array,
  { quant, reference, stages, signal }: QualityOptions,
): Promise<Float32Array> {
  const size = PER_TOKEN * tokens.length;
  const values = new Float32Array(stages.length * size);
  signal.throwIfAborted();
  const hidden = await reference.forward([tokens]);
  const expected = await reference.logits(hidden, 0, tokens.length);
  const targets = Int32Array.from(tokens, (_, index) => tokens[index + 1] ?? -1);
  for (const [index, stage] of stages.entries()) {
    signal.throwIfAborted();
    const found = await stage.logits(tokens);
    values.set(await quant.compareLogits(expected, found, targets, reference.model.vocabSize), index * size);
  }
  return values;
}

async function jsonShare(
  { stage, answers: ask }: StageUnderTest,
  { jsonPrompts, work, signal }: QualityOptions,
): Promise<number | null> {
  if (ask === null || jsonPrompts.length === 0) return null;
  const kept = await work?.jsonValid(stage);
  if (typeof kept === 'number') return kept;
  signal.throwIfAborted();
  const answers = await ask(jsonPrompts, JSON_TOKENS);
  const share = answers.filter(parsesAsJson).length / answers.length;
  await work?.keepJsonValid(stage, share);
  return share;
}

/** Sums over tokens of what `compareLogits` says of each. */
export class Divergence {
  private readonly kl: number[] = [];
  private same = 0;
  private lossGap = 0;
  private targets = 0;

  add(tokens: Float32Array): void {
    for (let at = 0; at < tokens.length; at += PER_TOKEN) {
      this.kl.push(tokens[at]!);
      this.same += tokens[at + 3]!;
      if (Number.isNaN(tokens[at + 1]!)) continue;
      this.lossGap += tokens[at + 2]! - tokens[at + 1]!;
      this.targets++;
    }
  }

  quality(): Omit<StageQuality, 'jsonValid'> {
    const sorted = Float64Array.from(this.kl).sort();
    const count = sorted.length;
    return {
      top1: round(this.same / count),
      klMean: round(sorted.reduce((sum, value) => sum + value, 0) / count),
      klP99: round(sorted[Math.min(count - 1, Math.floor(0.99 * count))]!),
      perplexityRatio: round(Math.exp(this.lossGap / this.targets)),
    };
  }
}

/** Whether an answer holds a JSON object or list, alone or in a code fence, and that parses. */
export function parsesAsJson(answer: string): boolean {
  const fenced = /```(?:json)?\s*([\s\S]*?)```/.exec(answer);
  const text = (fenced?.[1] ?? answer).trim();
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false; // that is the answer to the question
  }
}

/** The lowest stage from which on every stage passes the floors; the top stage if none does. */
export function minServable(qualities: StageQuality[], floors: QualityFloors): number {
  const top = qualities.at(-1)!;
  const passes = (quality: StageQuality) =>
    quality.top1 >= floors.top1 &&
    quality.klMean <= floors.klMean &&
    (quality.jsonValid === null ||
      top.jsonValid === null ||
      quality.jsonValid >= floors.jsonValid * top.jsonValid);
  let lowest = qualities.length - 1;
  while (lowest > 0 && passes(qualities[lowest - 1]!)) lowest--;
  return lowest;
}

const round = (value: number) => Math.round(value * 1e6) / 1e6;
