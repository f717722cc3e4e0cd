import { type FileHandle, open } from 'node:fs/promises';
import type { CodedSections, NativeQuant } from '@zen/engine';
import type { CodedRung, LadderTensor, Plane, Section } from './ladder-config';
import { LadderError } from './ladder-error';
import type { OpenLadder } from './open-ladder';
import type { DenseReader } from './reference-model';

/** Reads a ladder's tensors as dense float32 at any stage, independently of the engine's kernels. */
export class LadderReader {
  private constructor(
    private readonly quant: NativeQuant,
    private readonly tensors: Map<string, LadderTensor>,
    private readonly files: FileHandle[],
    private readonly paths: string[],
  ) {}

  static async open(quant: NativeQuant, ladder: OpenLadder): Promise<LadderReader> {
    const files: FileHandle[] = [];
    for (const path of ladder.stagePaths) {
      files.push(
        await open(path, 'r').catch((error) => {
          throw LadderError.fromIo(error, path);
        }),
      );
    }
    const tensors = new Map(ladder.config.tensors.map((tensor) => [tensor.name, tensor]));
    return new LadderReader(quant, tensors, files, ladder.stagePaths);
  }

  async close(): Promise<void> {
    for (const file of this.files) await file.close();
  }

  /** Values at `stage`, for the reference model. */
  at(stage: number): DenseReader {
    return async (name) => {
      const tensor = this.tensors.get(name);
      return tensor === undefined ? null : this.decode(tensor, stage);
    };
  }

  /** The same with every tensor kept in memory, for repeated passes. */
  cached(stage: number): DenseReader {
    const kept = new Map<string, Promise<Float32Array | null>>();
    const read = this.at(stage);
    return (name) => {
      const known = kept.get(name);
      if (known !== undefined) return known;
      const values = read(name);
      kept.set(name, values);
      return values;
    };
  }

  async decode(tensor: LadderTensor, stage: number): Promise<Float32Array> {
    const usable = tensor.rungs.filter((rung) => rung.stage <= stage);
    const rung = usable.at(-1)!;
    const [rows, cols] = tensor.shape;
    switch (rung.kind) {
      case 'raw':
        return this.quant.dequantize(rung.dtype, await this.bytes(rung.data), rows, cols);
      case 'coded':
        return this.quant.decodeCoded(await this.coded(rung), rows, cols);
      case 'exact': {
        const below = usable.filter((other): other is CodedRung => other.kind === 'coded').at(-1);
        const planes = rung.residual?.planes ?? rung.planes;
        return this.quant.decodeExact(
          tensor.sourceType,
          await this.planes(planes),
          planes.map(({ width }) => width),
          await this.bytes(rung.params),
          rung.supers && (await this.bytes(rung.supers)),
          rung.residual && below ? await this.coded(below) : null,
          rows,
          cols,
        );
      }
    }
  }

  /** A coded rung's sections. */
  async coded(rung: CodedRung): Promise<CodedSections> {
    return {
      planes: await this.planes(rung.planes),
      widths: rung.planes.map(({ width }) => width),
      rowScale: await this.bytes(rung.rowScale),
      groups: await this.bytes(rung.groups),
      group: rung.group,
    };
  }

  async planes(planes: Plane[]): Promise<Uint8Array[]> {
    return Promise.all(planes.map((plane) => this.bytes(plane)));
  }

  /** A section's bytes. */
  async bytes({ stage, offset, bytes }: Section): Promise<Uint8Array> {
    const data = new Uint8Array(bytes);
    let read = 0;
    while (read < bytes) {
      const got = (await this.files[stage]!.read(data, read, bytes - read, offset + read)).bytesRead;
      if (got === 0)
        throw new LadderError('corrupt', `${this.paths[stage]}: ends before byte ${offset + bytes}`);
      read += got;
    }
    return data;
  }
}
