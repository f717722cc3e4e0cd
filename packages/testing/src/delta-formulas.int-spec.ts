import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyDelta, fromHalf, toHalf } from '@zen/deltas';
import { type DeltaPart, loadEngine, type NativeModel } from '@zen/engine';
import { noiseDelta } from './noise-delta';
import { writeSampleLadder } from './sample-ladder';

const folder = mkdtempSync(join(tmpdir(), 'zen-formulas-'));
afterAll(() => rmSync(folder, { recursive: true }));
const sample = writeSampleLadder(folder, 1, 1, true);
const { model: shape } = sample.config;
const TOKENS = Int32Array.from({ length: 24 }, (_, i) => (i * 131) % shape.vocabSize);

let blobs = 0;

async function open(blob: Buffer): Promise<NativeModel> {
  const model = loadEngine().open(JSON.stringify(sample.config), {
    threads: 2,
    kvBytes: 2 ** 22,
    kvType: 'f16',
    contextTokens: 128,
    tokenBytes: new Uint8Array(0),
    tokenOffsets: new Uint32Array(shape.vocabSize + 1),
    delta: { slots: 1, slotBytes: 2 ** 20, denseSlots: 0 },
  });
  const path = join(folder, `blob-${blobs++}`);
  writeFileSync(path, blob);
  await model.attachStage(0, path);
  return model;
}

/** The ladder's float16 weights with what the scalar reference makes of each of their columns. */
function changedBlob(parts: readonly DeltaPart[]): Buffer {
  const blob = Buffer.from(sample.blobs[0] as Buffer);
  for (const part of parts) {
    const tensor = sample.config.tensors.find(({ name }) => name === `blk.0.attn_${part.module}.weight`);
    const rung = tensor?.rungs[0];
    if (!tensor || rung?.kind !== 'raw') throw new Error(`no weights of ${part.module}`);
    const [rows, cols] = tensor.shape;
    const at = (row: number, col: number) => rung.data.offset + 2 * (row * cols + col);
    for (let col = 0; col < cols; col++) {
      const unit = new Float32Array(cols);
      unit[col] = 1;
      const column = Float32Array.from({ length: rows }, (_, row) =>
        fromHalf(blob.readUInt16LE(at(row, col))),
      );
      applyDelta(part, 0, unit, column);
      column.forEach((value, row) => {
        blob.writeUInt16LE(toHalf(value), at(row, col));
      });
    }
  }
  return blob;
}

/** Size of the difference against the size of `a`. */
function distance(a: Float32Array, b: Float32Array): number {
  let [difference, size] = [0, 0];
  a.forEach((value, i) => {
    difference += (value - (b[i] as number)) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(difference / size);
}

// dense1 reads its input at 8 bits; the others differ by the rounding of the changed weights to float16.
test.each([
  ['dense1', 0.02],
  ['lora1', 0.003],
  ['lora16', 0.003],
  ['vec', 0.003],
] as const)(
  'the engine applies %s as the scalar reference does',
  async (form, tolerance) => {
    const parts = noiseDelta(shape, 3, form);
    const base = await open(sample.blobs[0] as Buffer);
    const plain = await base.logits(0, TOKENS);
    const got = await base.logits(0, TOKENS, await base.loadDelta(parts));
    base.close();
    const changed = await open(changedBlob(parts));
    const wanted = await changed.logits(0, TOKENS);
    changed.close();
    expect(distance(wanted, plain)).toBeGreaterThan(0.05);
    expect(distance(wanted, got)).toBeLessThan(tolerance);
  },
  60_000,
);
