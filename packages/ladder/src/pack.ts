import type { NativeQuant } from '@zen/engine';
import { type CodedTensors, type CodingOptions, codeTensors } from './code-tensors';
import { denseSource, hashTensors, sourceTensors } from './dense-source';
import {
  isLinear,
  type LadderConfig,
  type LadderTensor,
  type QualityFloors,
  type Section,
  STAGES,
  sectionsOf,
} from './ladder-config';
import { LayoutWriter } from './layout-writer';
import { makePlan, type PlanOptions, type TensorPlan } from './plan';
import { ReferenceModel } from './reference-model';
import { measureSensitivity } from './sensitivity';
import type { SourceModel, SourceTensor } from './source-model';
import { writeTensor } from './write-tensor';

/** What the pack tool is doing; `total` in the phase's own units. */
export interface PackProgress {
  phase: 'hashing' | 'coding' | 'allocating' | 'writing';
  done: number;
  total: number;
}

export interface PackOptions {
  quant: NativeQuant;
  /** The OCI layout folder to make; an older ladder there is replaced when the new one is complete. */
  folder: string;
  plan: PlanOptions;
  coding: CodingOptions;
  /**
   * Sequences on which each linear layer's share of the damage is measured; null: the prior order, which also
   * holds for models that do not fit in memory as float32.
   */
  sensitivity: Int32Array[] | null;
  progress: (progress: PackProgress) => void;
  signal: AbortSignal;
}

/** A stage is servable from these on, where nothing else is stated. */
export const DEFAULT_FLOORS: QualityFloors = { top1: 0.6, klMean: 0.9, jsonValid: 0.5 };

/** Weights up to which dense tensors are kept in memory between passes (2 GiB as float32). */
const KEEP_WEIGHTS = 2 ** 29;

/** Packs a source into a ladder. */
export async function packLadder(source: SourceModel, options: PackOptions): Promise<LadderConfig> {
  const { quant, signal } = options;
  const tensors = sourceTensors(source);
  const weights = source.tensors.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
  const read = denseSource(quant, tensors, weights <= KEEP_WEIGHTS);
  const report = (phase: PackProgress['phase']) => (done: number, total: number) => {
    signal.throwIfAborted();
    options.progress({ phase, done, total });
  };
  const tensorsSha256 = await hashTensors(
    tensors.keys(),
    async (name) => (await read(name))!,
    report('hashing'),
  );
  let plan = makePlan(source, options.plan);
  const reference = new ReferenceModel(quant, source.config, read);
  const coded = await codeTensors(
    quant,
    source,
    tensors,
    plan,
    reference,
    read,
    options.coding,
    report('coding'),
  );
  if (options.sensitivity !== null && weights <= KEEP_WEIGHTS) {
    const measured = await measureSensitivity(
      quant,
      reference,
      tensors,
      plan,
      coded,
      read,
      options.sensitivity,
      report('allocating'),
    );
    const perWeight = (name: string) => {
      const [rows, cols] = tensors.get(name)!.shape;
      return measured.get(name)! / (rows * cols);
    };
    const order = [...measured.keys()].sort((a, b) => perWeight(b) - perWeight(a));
    plan = keepResiduals(plan, makePlan(source, { ...options.plan, order }));
  }
  return writeLadder(source, tensors, plan, coded, tensorsSha256, options.folder, quant, report('writing'));
}

/** Widths of residuals are settled while coding; a new allocation takes them over. */
export function keepResiduals(
  settled: Map<string, TensorPlan>,
  next: Map<string, TensorPlan>,
): Map<string, TensorPlan> {
  const kept = new Map(next);
  for (const [name, plan] of next) {
    const before = settled.get(name);
    if (plan.kind !== 'residual' || before?.kind !== 'residual') continue;
    kept.set(name, { ...plan, residualBits: before.residualBits });
  }
  return kept;
}

/** Writes and publishes the artifact; nothing is left behind where that fails. */
export async function writeLadder(
  source: SourceModel,
  tensors: Map<string, SourceTensor>,
  plan: Map<string, TensorPlan>,
  coded: CodedTensors,
  tensorsSha256: string,
  folder: string,
  quant: NativeQuant,
  progress: (done: number, total: number) => void,
): Promise<LadderConfig> {
  const writer = await LayoutWriter.create(folder);
  try {
    const written: LadderTensor[] = [];
    for (const tensor of tensors.values()) {
      progress(written.length, tensors.size);
      const how = plan.get(tensor.name)!;
      written.push(await writeTensor(quant, writer.blobs, tensor, how, coded.get(tensor.name) ?? []));
    }
    const layers = await writer.finishBlobs();
    const bits = linearBits(written);
    const config: LadderConfig = {
      format: 'zen.ladder/1',
      name: source.name,
      model: source.config,
      tokenizer: source.tokenizer,
      source: { uri: source.uri, sha256: source.sha256, bytes: source.bytes, tensorsSha256 },
      stages: layers.map(({ stage, bytes }) => ({
        stage,
        bytes,
        bitsPerLinearWeight: bits[stage]!,
        quality: null,
      })),
      minServable: 0,
      floors: DEFAULT_FLOORS,
      tensors: written,
    };
    await writer.publish(config, layers);
    progress(tensors.size, tensors.size);
    return config;
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** Bits per linear weight of all blobs up to each stage, everything of a linear layer counted. */
export function linearBits(tensors: LadderTensor[]): number[] {
  const linear = tensors.filter(({ name }) => isLinear(name));
  const weights = linear.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
  const bits = new Array<number>(STAGES).fill(0);
  for (const { rungs } of linear) {
    const once = new Map<string, Section>();
    for (const section of rungs.flatMap(sectionsOf)) once.set(`${section.stage}:${section.offset}`, section);
    for (const { stage, bytes } of once.values()) {
      for (let upTo = stage; upTo < STAGES; upTo++) bits[upTo]! += (8 * bytes) / weights;
    }
  }
  return bits.map((value) => Math.round(value * 1e4) / 1e4);
}
