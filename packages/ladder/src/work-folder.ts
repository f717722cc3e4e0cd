import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { CodedTensor } from '@zen/engine';
import { LadderError } from './ladder-error';
import { alive, writeDurably } from './layout-writer';

/** What was made of one tensor: a rung of codes per coded rung, and the residual's width as it had to be. */
export interface Coding {
  rungs: CodedTensor[];
  residualBits: number | null;
}

const PARTS = ['codes', 'rowScale', 'scale', 'zero'] as const;

/**
 * What a pack or a measurement has done so far, on disk beside its target: coded tensors, and the hidden states that
 * go into the next layer. Each file is complete or absent, whatever happens; work that was killed goes on where it
 * was. Only what a later step asks for is in memory.
 */
export class WorkFolder {
  private constructor(readonly folder: string) {}

  /** `key` says what is being made; work of another key is thrown away. */
  static async open(target: string, key: unknown): Promise<WorkFolder> {
    const folder = join(dirname(target), `.${basename(target)}.work`);
    const digest = createHash('sha256').update(JSON.stringify(key)).digest('hex');
    try {
      const owner = Number(await readText(join(folder, 'pid')));
      if (owner !== process.pid && owner > 0 && alive(owner)) {
        throw new LadderError('io', `${target} is being worked on by process ${owner}`);
      }
      if ((await readText(join(folder, 'key'))) !== digest)
        await rm(folder, { recursive: true, force: true });
      await mkdir(folder, { recursive: true });
      await writeDurably(join(folder, 'key'), digest);
      await writeDurably(join(folder, 'pid'), String(process.pid));
      return new WorkFolder(folder);
    } catch (error) {
      throw LadderError.fromIo(error, folder);
    }
  }

  /** A tensor's coding, null where it was not made yet. */
  async coding(name: string): Promise<Coding | null> {
    const data = await this.read(`${name}.coded`);
    if (data === null) return null;
    const end = data.indexOf(10);
    const header = JSON.parse(data.toString('utf8', 0, end)) as {
      residualBits: number | null;
      rungs: { bent: number; bytes: number[] }[];
    };
    let at = end + 1;
    const next = (bytes: number) => {
      // A copy of its own: 16-bit views want their alignment.
      const part = Uint8Array.prototype.slice.call(data, at, at + bytes);
      at += bytes;
      return part;
    };
    const rungs = header.rungs.map(({ bent, bytes }) => {
      const [codes, rowScale, scale, zero] = bytes.map(next) as [
        Uint8Array,
        Uint8Array,
        Uint8Array,
        Uint8Array,
      ];
      return { codes, rowScale: new Uint16Array(rowScale.buffer, 0, rowScale.length / 2), scale, zero, bent };
    });
    return { rungs, residualBits: header.residualBits };
  }

  async keepCoding(name: string, { rungs, residualBits }: Coding): Promise<void> {
    const sizes = rungs.map((rung) => ({
      bent: rung.bent,
      bytes: PARTS.map((part) => rung[part].byteLength),
    }));
    const header = Buffer.from(`${JSON.stringify({ residualBits, rungs: sizes })}\n`);
    const parts = rungs.flatMap((rung) => PARTS.map((part) => bytesOf(rung[part])));
    await this.write(`${name}.coded`, [header, ...parts]);
  }

  /** The last states that were kept, with the layer that they go into. */
  async states(): Promise<{ layer: number; x: Float32Array } | null> {
    const data = await this.read('states');
    if (data === null) return null;
    const values = Uint8Array.prototype.slice.call(data, 4);
    return { layer: data.readUInt32LE(0), x: new Float32Array(values.buffer) };
  }

  async keepStates(layer: number, x: Float32Array): Promise<void> {
    const header = Buffer.alloc(4);
    header.writeUInt32LE(layer);
    await this.write('states', [header, bytesOf(x)]);
  }

  /** Numbers, by name. */
  async floats(name: string): Promise<Float32Array | null> {
    const data = await this.read(`${name}.f32`);
    // A copy of its own: it wants its alignment.
    return data === null ? null : new Float32Array(Uint8Array.prototype.slice.call(data).buffer);
  }

  async keepFloats(name: string, values: Float32Array): Promise<void> {
    await this.write(`${name}.f32`, [bytesOf(values)]);
  }

  /** A small result, by name. */
  async note<T>(name: string): Promise<T | null> {
    const data = await this.read(`${name}.json`);
    return data === null ? null : (JSON.parse(data.toString()) as T);
  }

  async keepNote(name: string, value: unknown): Promise<void> {
    await this.write(`${name}.json`, [Buffer.from(JSON.stringify(value))]);
  }

  /** The work is done, or cannot go on: nothing is left behind. */
  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private async read(name: string): Promise<Buffer | null> {
    const path = join(this.folder, name);
    try {
      return await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw LadderError.fromIo(error, path);
    }
  }

  private async write(name: string, parts: Uint8Array[]): Promise<void> {
    const path = join(this.folder, name);
    try {
      const file = await open(`${path}.part`, 'w');
      try {
        for (const part of parts) await file.writeFile(part);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.part`, path);
    } catch (error) {
      throw LadderError.fromIo(error, path);
    }
  }
}

async function readText(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

const bytesOf = (array: Uint8Array | Uint16Array | Float32Array) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
