import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MODEL = {
  architecture: 'llama',
  layers: 2,
  hiddenSize: 64,
  heads: 4,
  kvHeads: 2,
  headSize: 16,
  ffnSize: 96,
  vocabSize: 64,
  contextTokens: 2048,
  ropeTheta: 10_000,
  rmsEps: 1e-5,
  tiedEmbeddings: true,
  ropeStyle: 'interleaved',
};

/** A ladder of random float32 weights whose norms change at every stage: enough for the native surface. */
export interface TinyLadder {
  configJson: string;
  stagePaths: string[];
  vocabSize: number;
  hiddenSize: number;
  remove(): void;
}

/** A mixture of experts; numbers as in the ladder's config. */
export interface TinyExperts {
  count: number;
  perToken: number;
  normalized: boolean;
  sharedFfnSize: number;
}

/** With `experts` a mixture, whose experts (not only the norms) change at every stage. */
export function tinyLadder(experts?: TinyExperts): TinyLadder {
  const model = experts ? { ...MODEL, experts } : MODEL;
  const blobs: number[][] = [[], [], [], [], []];
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const data = (stage: number, count: number, mean: number, size: number) => {
    const blob = blobs[stage]!;
    while (blob.length % 16 !== 0) blob.push(0);
    const offset = blob.length * 4;
    for (let i = 0; i < count; i++) blob.push(mean + size * random());
    return { kind: 'raw', stage, dtype: 'F32', data: { stage, offset, bytes: count * 4 } };
  };
  const matrix = (name: string, rows: number, cols: number) => ({
    name,
    shape: [rows, cols],
    sourceType: 'F32',
    rungs: [data(0, rows * cols, 0, 2 / Math.sqrt(cols))],
  });
  const norm = (name: string) => ({
    name,
    shape: [1, MODEL.hiddenSize],
    sourceType: 'F32',
    rungs: [0, 1, 2, 3, 4].map((stage) => data(stage, MODEL.hiddenSize, 1, 0.5)),
  });
  const { hiddenSize: h, ffnSize: f, kvHeads, headSize, vocabSize } = MODEL;
  const climbing = (name: string, rows: number, cols: number) => ({
    name,
    shape: [rows, cols],
    sourceType: 'F32',
    rungs: [0, 1, 2, 3, 4].map((stage) => data(stage, rows * cols, 0, 2 / Math.sqrt(cols))),
  });
  const dense = (at: string) => [
    matrix(`${at}.ffn_gate.weight`, f, h),
    matrix(`${at}.ffn_up.weight`, f, h),
    matrix(`${at}.ffn_down.weight`, h, f),
  ];
  const mixture = (at: string, { count, sharedFfnSize: s }: TinyExperts) => [
    matrix(`${at}.ffn_gate_inp.weight`, count, h),
    ...Array.from({ length: count }, (_, expert) => [
      matrix(`${at}.ffn_gate.${expert}.weight`, f, h),
      matrix(`${at}.ffn_up.${expert}.weight`, f, h),
      climbing(`${at}.ffn_down.${expert}.weight`, h, f),
    ]).flat(),
    ...(s === 0
      ? []
      : [
          matrix(`${at}.ffn_gate_inp_shexp.weight`, 1, h),
          matrix(`${at}.ffn_gate_shexp.weight`, s, h),
          matrix(`${at}.ffn_up_shexp.weight`, s, h),
          matrix(`${at}.ffn_down_shexp.weight`, h, s),
        ]),
  ];
  const layer = (at: string) => [
    norm(`${at}.attn_norm.weight`),
    matrix(`${at}.attn_q.weight`, h, h),
    matrix(`${at}.attn_k.weight`, kvHeads * headSize, h),
    matrix(`${at}.attn_v.weight`, kvHeads * headSize, h),
    matrix(`${at}.attn_output.weight`, h, h),
    norm(`${at}.ffn_norm.weight`),
    ...(experts ? mixture(at, experts) : dense(at)),
  ];
  const tensors = [
    matrix('token_embd.weight', vocabSize, h),
    ...layer('blk.0'),
    ...layer('blk.1'),
    norm('output_norm.weight'),
  ];
  const folder = mkdtempSync(join(tmpdir(), 'zen-tiny-'));
  const stagePaths = blobs.map((blob, stage) => {
    const path = join(folder, `stage-${stage}`);
    writeFileSync(path, Buffer.from(Float32Array.from(blob).buffer));
    return path;
  });
  const stages = blobs.map((blob, stage) => ({ stage, bytes: blob.length * 4 }));
  return {
    configJson: JSON.stringify({ format: 'zen.ladder/1', model, stages, tensors }),
    stagePaths,
    vocabSize,
    hiddenSize: h,
    remove: () => rmSync(folder, { recursive: true }),
  };
}
