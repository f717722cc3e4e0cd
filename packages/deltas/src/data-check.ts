import { createHash } from 'node:crypto';
import { DeltaError } from './delta-error';
import type { DeltaManifest } from './manifest';
import { type DeltaTensor, tensorTable } from './tensor-table';

/**
 * Checks a delta's data as they come, in pieces of any size: their digest, that numbers are finite, that padding bits
 * are zero, and that something is changed at all. Memory does not depend on their size.
 */
export class DataCheck {
  private readonly hash = createHash('sha256');
  private readonly tensors: DeltaTensor[];
  private at = 0;
  private current = 0;
  /** First half of a number that a piece cut in two, −1: none. */
  private low = -1;
  private changes = false;

  constructor(private readonly manifest: DeltaManifest) {
    this.tensors = tensorTable(manifest);
  }

  push(data: Uint8Array): void {
    const { bytes } = this.manifest.data;
    if (this.at + data.byteLength > bytes) {
      throw new DeltaError('wrong-shape', `more data than the ${bytes} bytes that the manifest says`);
    }
    this.hash.update(data);
    for (let from = 0; from < data.byteLength; ) {
      const tensor = this.tensors[this.current]!;
      const end = Math.min(data.byteLength, from + tensor.offset + tensor.bytes - this.at);
      const piece = data.subarray(from, end);
      if (tensor.dtype === 'U8') this.bits(tensor, piece);
      else this.numbers(tensor, piece);
      this.at += end - from;
      from = end;
      if (this.at === tensor.offset + tensor.bytes) this.current++;
    }
  }

  end(): void {
    const { sha256, bytes } = this.manifest.data;
    if (this.at < bytes) throw new DeltaError('truncated', `${this.at} bytes of data, must be ${bytes}`);
    const found = this.hash.digest('hex');
    if (found !== sha256)
      throw new DeltaError('digest-mismatch', `data.sha256 is ${sha256}, the data have ${found}`);
    if (!this.changes) throw new DeltaError('zero-coverage', 'every scale is zero: nothing is changed');
  }

  private numbers(tensor: DeltaTensor, piece: Uint8Array): void {
    const exponent = tensor.dtype === 'F16' ? 0x7c00 : 0x7f80;
    for (const byte of piece) {
      if (this.low < 0) {
        this.low = byte;
        continue;
      }
      const value = this.low | (byte << 8);
      this.low = -1;
      if ((value & exponent) === exponent) {
        throw new DeltaError('non-finite', `${tensor.name} holds a number that is not finite`);
      }
      // B of a fresh LoRA is zero, whatever A is.
      if ((value & 0x7fff) !== 0 && !(tensor.dtype === 'BF16' && tensor.array === 'a')) this.changes = true;
    }
  }

  private bits(tensor: DeltaTensor, piece: Uint8Array): void {
    const used = tensor.rowBits % 8;
    if (used === 0) return;
    const row = Math.ceil(tensor.rowBits / 8);
    const first = row - 1 - ((this.at - tensor.offset) % row);
    for (let at = first; at < piece.byteLength; at += row) {
      if (piece[at]! >> used !== 0) {
        throw new DeltaError('padding', `${tensor.name}: bits behind a row's end must be zero`);
      }
    }
  }
}
