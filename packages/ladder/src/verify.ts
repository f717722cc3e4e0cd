import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { NativeQuant } from '@zen/engine';
import { LadderReader } from './decode-tensor';
import { hashTensors } from './dense-source';
import { CHUNK_BYTES, STAGES } from './ladder-config';
import { LadderError } from './ladder-error';
import type { OpenLadder } from './open-ladder';

export interface VerifyOptions {
  quant: NativeQuant;
  progress: (phase: 'chunks' | 'values', done: number, total: number) => void;
  signal: AbortSignal;
}

export interface Verified {
  chunks: number;
  tensors: number;
  /** Hash of all values at the top stage; equal to the source's. */
  tensorsSha256: string;
}

/**
 * Checks every chunk and blob against the manifest, then that the top stage's values are the source's own.
 * Throws a LadderError that names stage and chunk of the first damage.
 */
export async function verifyLadder(ladder: OpenLadder, options: VerifyOptions): Promise<Verified> {
  const chunks = await verifyChunks(ladder, options);
  const reader = await LadderReader.open(options.quant, ladder);
  try {
    const byName = new Map(ladder.config.tensors.map((tensor) => [tensor.name, tensor]));
    const found = await hashTensors(
      byName.keys(),
      (name) => reader.decode(byName.get(name)!, STAGES - 1),
      (done, total) => {
        options.signal.throwIfAborted();
        options.progress('values', done, total);
      },
    );
    const expected = ladder.config.source.tensorsSha256;
    if (found !== expected) {
      throw new LadderError(
        'corrupt',
        `values at stage ${STAGES - 1} have SHA-256 ${found}, the source's is ${expected}`,
      );
    }
    return { chunks, tensors: byName.size, tensorsSha256: found };
  } finally {
    await reader.close();
  }
}

/** Hashes every chunk; the first that differs is named. */
export async function verifyChunks(
  ladder: OpenLadder,
  options: Pick<VerifyOptions, 'progress' | 'signal'>,
): Promise<number> {
  const total = ladder.manifest.layers.reduce((sum, layer) => sum + layer.chunks.length, 0);
  let done = 0;
  for (const layer of ladder.manifest.layers) {
    const path = ladder.stagePaths[layer.stage]!;
    const file = await open(path, 'r').catch((error) => {
      throw LadderError.fromIo(error, path);
    });
    const whole = createHash('sha256');
    try {
      const buffer = new Uint8Array(CHUNK_BYTES);
      for (const [index, expected] of layer.chunks.entries()) {
        options.signal.throwIfAborted();
        const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, index * CHUNK_BYTES);
        const chunk = buffer.subarray(0, bytesRead);
        whole.update(chunk);
        if (createHash('sha256').update(chunk).digest('hex') !== expected) {
          throw new LadderError(
            'corrupt',
            `stage ${layer.stage} chunk ${index} does not match its SHA-256 (${path})`,
          );
        }
        options.progress('chunks', ++done, total);
      }
    } finally {
      await file.close();
    }
    if (`sha256:${whole.digest('hex')}` !== layer.digest) {
      throw new LadderError('corrupt', `stage ${layer.stage} does not match its digest (${path})`);
    }
  }
  return total;
}
