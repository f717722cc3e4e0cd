import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ARTIFACT_TYPE,
  CHUNK_BYTES,
  CONFIG_TYPE,
  type LadderConfig,
  type LadderTensor,
  MANIFEST_TYPE,
  type ModelConfig,
  modelTensors,
  STAGE_TYPE,
  STAGES,
} from '@zen/ladder';

const MODEL: ModelConfig = {
  architecture: 'llama',
  layers: 3,
  hiddenSize: 256,
  heads: 4,
  kvHeads: 2,
  headSize: 64,
  ffnSize: 768,
  vocabSize: 5000,
  contextTokens: 128,
  ropeTheta: 10_000,
  rmsEps: 1e-5,
  tiedEmbeddings: true,
  ropeStyle: 'interleaved',
};

export interface SampleLadder {
  folder: string;
  /** `sha256:<hex>` of the manifest. */
  digest: string;
  config: LadderConfig;
  /** Blob of each stage. */
  blobs: Buffer[];
  /** Of all stages. */
  totalBytes: number;
}

/**
 * Writes a valid ladder of about 22 MB with two chunks in the first stages. Its weights are noise and nobody can chat
 * with it; it exists to be moved about. Another seed makes another ladder, more layers a larger one; where `computes`,
 * its noise has no infinities and NaN at stage 0, so that an engine can run it there.
 */
export function writeSampleLadder(folder: string, seed = 1, layers = 3, computes = false): SampleLadder {
  const model = { ...MODEL, layers };
  const used = new Array<number>(STAGES).fill(0);
  const place = (stage: number, bytes: number) => {
    const offset = Math.ceil(used[stage]! / 64) * 64;
    used[stage] = offset + bytes;
    return { stage, offset, bytes };
  };
  const tensors: LadderTensor[] = [];
  for (const [name, { shape, needed }] of modelTensors(model)) {
    if (!needed) continue;
    const weights = shape[0] * shape[1];
    const half = { kind: 'raw' as const, stage: 0, dtype: 'F16' as const, data: place(0, 2 * weights) };
    const later = 1 + (tensors.length % (STAGES - 1));
    const whole = {
      kind: 'raw' as const,
      stage: later,
      dtype: 'F32' as const,
      data: place(later, 4 * weights),
    };
    tensors.push({ name, shape, sourceType: 'F32', rungs: [half, whole] });
  }
  const blobs = used.map((bytes, stage) => noise(bytes, seed * STAGES + stage, computes));
  const config: LadderConfig = {
    format: 'zen.ladder/1',
    name: 'sample',
    model,
    tokenizer: {},
    source: { uri: 'file:///sample', sha256: '0'.repeat(64), bytes: 1, tensorsSha256: '1'.repeat(64) },
    stages: used.map((bytes, stage) => ({ stage, bytes, bitsPerLinearWeight: 16, quality: null })),
    minServable: 0,
    floors: { top1: 0.6, klMean: 0.9, jsonValid: 0.5 },
    tensors,
  };
  mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true });
  const put = (data: Buffer) => {
    const hex = sha256(data);
    writeFileSync(join(folder, 'blobs', 'sha256', hex), data);
    return { digest: `sha256:${hex}`, size: data.byteLength };
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    artifactType: ARTIFACT_TYPE,
    config: { mediaType: CONFIG_TYPE, ...put(Buffer.from(JSON.stringify(config))) },
    layers: blobs.map((blob, stage) => ({
      mediaType: STAGE_TYPE,
      ...put(blob),
      annotations: { 'zen.stage': String(stage), 'zen.chunks': chunkHashes(blob).join(',') },
    })),
  };
  const entry = {
    mediaType: MANIFEST_TYPE,
    artifactType: ARTIFACT_TYPE,
    ...put(Buffer.from(JSON.stringify(manifest))),
  };
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  const totalBytes = used.reduce((sum, bytes) => sum + bytes, 0);
  return { folder, digest: entry.digest, config, blobs, totalBytes };
}

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

function chunkHashes(blob: Buffer): string[] {
  const count = Math.ceil(blob.byteLength / CHUNK_BYTES);
  return Array.from({ length: count }, (_, chunk) =>
    sha256(blob.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES)),
  );
}

/** Reproducible bytes that do not repeat; `numbers`: float16 of 0.03 to 0.06, of either sign. */
function noise(bytes: number, seed: number, numbers: boolean): Buffer {
  const out = Buffer.alloc(bytes);
  let state = seed;
  for (let at = 0; at + 4 <= bytes; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const word = (state ^ (state >>> 13)) >>> 0;
    out.writeUInt32LE(numbers ? ((word & 0x83ff83ff) | 0x28002800) >>> 0 : word, at);
  }
  return out;
}
