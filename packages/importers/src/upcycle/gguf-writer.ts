import { type FileHandle, open } from 'node:fs/promises';
import { type GGUFTypedMetadata, GGUFValueType, serializeGgufMetadata } from '@huggingface/gguf';
import type { SourceType } from '@zen/ladder';
import { TYPE_NUMBERS } from '../gguf/gguf-header';
import { fileError } from '../source-error';
import { tensorBytes } from '../tensor-layout';

/** A tensor to be written: `parts` gives its bytes piece by piece, so that no more than one is in memory. */
export interface GgufPart {
  name: string;
  /** The slowest first, as [experts, rows, cols] or [rows, cols]. */
  shape: number[];
  type: SourceType;
  parts(): AsyncIterable<Uint8Array>;
}

const ALIGNMENT = 32;
const NUMBER_OF = new Map(Object.entries(TYPE_NUMBERS).map(([number, type]) => [type, Number(number)]));

/** Writes a GGUF file at `path`, which must not be there; calls `progress` with bytes of tensors. */
export async function writeGguf(
  path: string,
  metadata: GGUFTypedMetadata,
  tensors: readonly GgufPart[],
  progress: (done: number, total: number) => void,
): Promise<number> {
  let file: FileHandle;
  try {
    file = await open(path, 'wx');
  } catch (error) {
    throw fileError(error, path);
  }
  try {
    const sizes = tensors.map(({ shape, type }) => {
      const cols = shape.at(-1)!;
      return tensorBytes(type, shape.reduce((a, b) => a * b, 1) / cols, cols)!;
    });
    const total = sizes.reduce((sum, bytes) => sum + padded(bytes), 0);
    let at = 0;
    const put = async (data: Uint8Array) => {
      for (let done = 0; done < data.byteLength; ) {
        done += (await file.write(data, done, data.byteLength - done)).bytesWritten;
      }
      at += data.byteLength;
    };
    const counted = {
      ...metadata,
      tensor_count: { value: BigInt(tensors.length), type: GGUFValueType.UINT64 },
    };
    // Without padding: the list of tensors comes right after it.
    await put(serializeGgufMetadata(counted as GGUFTypedMetadata, { alignment: 1 }));
    let offset = 0;
    for (const [index, tensor] of tensors.entries()) {
      await put(tensorInfo(tensor, offset));
      offset += padded(sizes[index]!);
    }
    await put(new Uint8Array(padded(at) - at));
    const start = at;
    for (const tensor of tensors) {
      for await (const data of tensor.parts()) {
        await put(data);
        progress(at - start, total);
      }
      await put(new Uint8Array(padded(at) - at));
    }
    await file.sync();
    return at;
  } catch (error) {
    throw fileError(error, path);
  } finally {
    await file.close();
  }
}

const padded = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function tensorInfo({ name, shape, type }: GgufPart, offset: number): Uint8Array {
  const text = Buffer.from(name);
  const info = Buffer.alloc(8 + text.length + 4 + 8 * shape.length + 4 + 8);
  let at = info.writeBigUInt64LE(BigInt(text.length), 0);
  at += text.copy(info, at);
  at = info.writeUInt32LE(shape.length, at);
  for (const size of shape.toReversed()) at = info.writeBigUInt64LE(BigInt(size), at);
  at = info.writeUInt32LE(NUMBER_OF.get(type)!, at);
  info.writeBigUInt64LE(BigInt(offset), at);
  return info;
}
