import { createHash } from 'node:crypto';
import type { CodedTensor, NativeQuant } from '@zen/engine';
import { type CodingOptions, codeTensors } from './code-tensors';
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
import { LadderError } from './ladder-error';
import { LayoutWriter } from './layout-writer';
import { modelTensors } from './model-tensors';
import { exactBits, makePlan, type PlanOptions, type TensorPlan } from './plan';
import { ReferenceModel } from './reference-model';
import { measureSensitivity } from './sensitivity';
import { sharesHead } from './shared-head';
import type { ModelConfig, SourceModel, SourceTensor } from './source-model';
import { WorkFolder } from './work-folder';
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
  plan: Omit<PlanOptions, 'sharedHead' | 'order'>;
  coding: CodingOptions;
  /** Sequences on which each tensor's share of the damage is measured; null: the prior order. */
  sensitivity: Int32Array[] | null;
  progress: (progress: PackProgress) => void;
  signal: AbortSignal;
}

/** A stage is servable from these on, where nothing else is stated. */
export const DEFAULT_FLOORS: QualityFloors = { top1: 0.6, klMean: 0.9, jsonValid: 0.5 };

/** Weights up to which dense tensors are kept in memory between passes (2 GiB as float32). */
const KEEP_WEIGHTS = 2 ** 29;

/**
 * Packs a source into a ladder. A pack that was stopped or killed goes on where it was, from a work folder beside
 * its target.
 */
export async function packLadder(source: SourceModel, options: PackOptions): Promise<LadderConfig> {
  const { plan, coding, folder } = options;
  // Another version of what is in the folder needs another number here.
  const work = await WorkFolder.open(folder, [1, source.sha256, plan, coding]);
  try {
    const config = await packWith(work, source, options);
    await work.remove();
    return config;
  } catch (error) {
    // It would end the same way again, or the disk is needed.
    if (error instanceof LadderError) await work.remove();
    throw error;
  }
}

async function packWith(work: WorkFolder, source: SourceModel, options: PackOptions): Promise<LadderConfig> {
  const { quant, signal } = options;
  const tensors = sourceTensors(source);
  const weights = source.tensors.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
  const read = denseSource(quant, tensors, weights <= KEEP_WEIGHTS);
  const report = (phase: PackProgress['phase']) => (done: number, total: number) => {
    signal.throwIfAborted();
    options.progress({ phase, done, total });
  };
  let tensorsSha256 = await work.note<string>('sha256');
  if (tensorsSha256 === null) {
    const values = async (name: string) => (await read(name))!;
    tensorsSha256 = await hashTensors(tensors.keys(), values, report('hashing'));
    await work.keepNote('sha256', tensorsSha256);
  }
  const planOptions = { ...options.plan, sharedHead: await sharesHead(quant, tensors), order: null };
  let plan = makePlan(source, planOptions);
  const reference = new ReferenceModel(quant, source.config, read);
  const job = { quant, tensors, plan, reference, read, work };
  await codeTensors({ ...job, options: options.coding, progress: report('coding') });
  if (options.sensitivity !== null) {
    const note = `sensitivity-${createHash('sha256').update(JSON.stringify(options.sensitivity)).digest('hex')}`;
    let measured = await work.note<[string, number][]>(note);
    if (measured === null) {
      const progress = report('allocating');
      measured = [...(await measureSensitivity({ ...job, sequences: options.sensitivity, progress }))];
      await work.keepNote(note, measured);
    }
    const perBit = new Map(
      measured.map(([name, kl]) => [name, kl / exactBits(tensors.get(name)!, plan.get(name)!)]),
    );
    const order = [...perBit.keys()].sort((a, b) => perBit.get(b)! - perBit.get(a)!);
    plan = keepResiduals(plan, makePlan(source, { ...planOptions, order }));
  }
  const rungs = async (name: string) => (await work.coding(name))?.rungs ?? [];
  return writeLadder(source, tensors, plan, rungs, tensorsSha256, options.folder, quant, report('writing'));
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
  coded: (name: string) => Promise<CodedTensor[]>,
  tensorsSha256: string,
  folder: string,
  quant: NativeQuant,
  progress: (done: number, total: number) => void,
): Promise<LadderConfig> {
  const writer = await LayoutWriter.create(folder);
  try {
    const written = new Map<string, LadderTensor>();
    for (const tensor of writingOrder(source.config, tensors, plan)) {
      progress(written.size, tensors.size);
      const { name } = tensor;
      const rungs = await coded(name);
      written.set(name, await writeTensor(quant, writer.blobs, tensor, plan.get(name)!, rungs, written));
    }
    const layers = await writer.finishBlobs();
    const bits = linearBits([...written.values()]);
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
      tensors: [...tensors.keys()].map((name) => written.get(name)!),
    };
    await writer.publish(config, layers);
    progress(tensors.size, tensors.size);
    return config;
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/**
 * The source's order (a mixture: the model's, in which an expert's tensors follow each other, so that its sections of
 * a stage share few chunks with other experts'), but a tensor whose codes are another's comes right after that one.
 */
export function writingOrder(
  model: ModelConfig,
  tensors: Map<string, SourceTensor>,
  plan: Map<string, TensorPlan>,
): SourceTensor[] {
  const order: SourceTensor[] = [];
  const names = model.experts ? modelTensors(model).keys() : tensors.keys();
  for (const name of names) {
    const tensor = tensors.get(name);
    if (tensor === undefined) continue;
    if (plan.get(name)!.kind === 'like') continue;
    order.push(tensor);
    for (const [other, how] of plan) {
      if (how.kind === 'like' && how.tensor === name) order.push(tensors.get(other)!);
    }
  }
  return order;
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
