import { isRouter, type LadderConfig, type LadderTensor, type Rung } from '../ladder-config';
import { modelTensors } from '../model-tensors';
import { groupBytes, paramBytes, planeBytes, planeWidths, rowScaleBytes } from '../source-format';
import type { ModelConfig } from '../source-model';

export const SAMPLE_MODEL: ModelConfig = {
  architecture: 'llama',
  layers: 2,
  hiddenSize: 64,
  heads: 2,
  kvHeads: 1,
  headSize: 32,
  ffnSize: 96,
  vocabSize: 50,
  contextTokens: 128,
  ropeTheta: 10_000,
  rmsEps: 1e-5,
  tiedEmbeddings: true,
  ropeStyle: 'interleaved',
};

export const SAMPLE_MIXTURE: ModelConfig = {
  ...SAMPLE_MODEL,
  architecture: 'qwen2',
  experts: { count: 4, perToken: 2, normalized: true, sharedFfnSize: 64 },
};

/** A valid config with sections laid out one after the other, without any blob behind it. */
export function sampleConfig(model = SAMPLE_MODEL): LadderConfig {
  const used = [0, 0, 0, 0, 0];
  const place = (stage: number, bytes: number) => {
    const offset = Math.ceil(used[stage]! / 64) * 64;
    used[stage] = offset + bytes;
    return { stage, offset, bytes };
  };
  const planes = (stage: number, rows: number, cols: number, bits: number) =>
    planeWidths(bits).map((width) => ({ width, ...place(stage, planeBytes(rows, cols, width)) }));
  const tensors: LadderTensor[] = [];
  let next = 1;
  for (const [name, { shape, needed }] of modelTensors(model)) {
    if (!needed) continue;
    const [rows, cols] = shape;
    if (rows === 1 || isRouter(name)) {
      const rungs: Rung[] = [{ kind: 'raw', stage: 0, dtype: 'F32', data: place(0, 4 * rows * cols) }];
      tensors.push({ name, shape, sourceType: 'F32', rungs });
      continue;
    }
    const exactStage = 1 + (next++ % 4);
    const rungs: Rung[] = [
      {
        kind: 'coded',
        stage: 0,
        bits: 3,
        group: 64,
        planes: planes(0, rows, cols, 3),
        rowScale: place(0, rowScaleBytes(rows)),
        groups: place(0, groupBytes(rows, cols, 64)),
      },
      {
        kind: 'exact',
        stage: exactStage,
        planes: [],
        residual: { bits: 3, planes: planes(exactStage, rows, cols, 3) },
        params: place(exactStage, paramBytes('Q4_1', rows, cols)),
        supers: null,
      },
    ];
    tensors.push({ name, shape, sourceType: 'Q4_1', rungs });
  }
  return {
    format: 'zen.ladder/1',
    name: 'sample',
    model: { ...model },
    tokenizer: {},
    source: { uri: 'file:///sample', sha256: '0'.repeat(64), bytes: 1, tensorsSha256: '1'.repeat(64) },
    stages: used.map((bytes, stage) => ({ stage, bytes, bitsPerLinearWeight: 3, quality: null })),
    minServable: 0,
    floors: { top1: 0.6, klMean: 0.9, jsonValid: 0.5 },
    tensors,
  };
}
