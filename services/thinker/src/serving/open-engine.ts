import { deltaModel } from '@zen/deltas';
import { type DeltaOptions, loadEngine } from '@zen/engine';
import { expertCosts, type LadderConfig, type ModelConfig, type OpenLadder } from '@zen/ladder';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';
import { EngineExperts } from '../experts/expert-engine';
import { EngineBackend, type StageBackend } from './engine-backend';
import type { ServedModel } from './served-model';

export interface EngineOptions {
  threads: number;
  kvBytes: number;
  kvType: 'f16' | 'int8';
  /** Longest sequence; the model's own length if that is shorter. */
  contextTokens: number;
  /** Room for deltas; null for none. */
  delta: DeltaOptions | null;
  /** Highest stage of the experts that are computed here; null for all of them at every stage. */
  residentStage: number | null;
}

/** [layers × experts]: the same for each. */
export function residentStages({ layers, experts }: ModelConfig, stage: number): Int8Array {
  return new Int8Array(layers * (experts?.count ?? 0)).fill(stage);
}

/** Opens a ladder with the native engine; no stage is attached yet. */
export function openEngine(
  { config, configJson, digest }: Pick<OpenLadder, 'config' | 'configJson' | 'digest'>,
  options: EngineOptions,
): { model: ServedModel; backend: StageBackend } {
  const tokenizer = Tokenizer.from(config.tokenizer as TokenizerSpec);
  const { architecture, hiddenSize, vocabSize } = config.model;
  const contextTokens = Math.min(options.contextTokens, config.model.contextTokens);
  const { bytes, offsets } = tokenizer.byteTable(vocabSize);
  const engine = loadEngine();
  const experts = expertsOf(config, options.residentStage);
  const native = engine.open(configJson, {
    threads: options.threads,
    kvBytes: options.kvBytes,
    kvType: options.kvType,
    contextTokens,
    tokenBytes: bytes,
    tokenOffsets: offsets,
    ...(options.delta === null ? {} : { delta: options.delta }),
    ...(experts?.resident ? { experts: { resident: experts.resident, dispatch: experts.dispatch } } : {}),
  });
  experts?.bind(native);
  const model: ServedModel = {
    name: config.name,
    architecture,
    contextTokens,
    hiddenSize,
    vocabSize,
    minServable: config.minServable,
    stages: config.stages,
    tokenizer,
    artifactDigest: digest,
    baseDigest: `sha256:${config.source.tensorsSha256}`,
    shape: deltaModel(config.model),
    kernels: engine.kernels(),
  };
  return { model, backend: new EngineBackend(native, experts) };
}

function expertsOf(config: LadderConfig, residentStage: number | null): EngineExperts | null {
  const { model } = config;
  const { experts, layers } = model;
  const costs = expertCosts(config);
  if (!experts || !costs) return null;
  const shape = { layers, experts: experts.count, perToken: experts.perToken };
  const resident = residentStage === null ? null : residentStages(model, residentStage);
  return new EngineExperts(shape, resident, costs);
}
