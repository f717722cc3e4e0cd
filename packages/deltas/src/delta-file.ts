import { createHash } from 'node:crypto';
import type { DeltaPart } from '@zen/engine';
import { canonicalJson } from './canonical-json';
import { DeltaCheck, type DeltaLimits } from './delta-check';
import { DeltaError } from './delta-error';
import { type DeltaHeader, headerBytes } from './delta-header';
import type { DeltaManifest, PartManifest } from './manifest';
import { type DeltaModel, MODULES, type Module, moduleShape, type Recipe } from './modules';
import { checkManifest } from './parse-manifest';
import { tensorTable } from './tensor-table';

/** A delta file that has passed every check. */
export interface DeltaFile extends DeltaHeader {
  /** A view of the file. */
  data: Uint8Array;
}

/** Reads and checks a whole file. */
export function readDelta(file: Uint8Array, limits?: DeltaLimits): DeltaFile {
  const check = new DeltaCheck(limits);
  check.push(file);
  const header = check.end();
  return { ...header, data: file.subarray(header.dataOffset) };
}

export interface DeltaContent {
  /** `sha256:<hex>` of the base model. */
  base: string;
  recipe: Recipe;
  model: DeltaModel;
  parts: DeltaPart[];
}

/** Writes a delta file; refuses what the reader would refuse. The same content gives the same bytes. */
export function writeDelta(content: DeltaContent): { file: Buffer } & DeltaHeader {
  const { base, recipe, model } = content;
  const parts: DeltaManifest['parts'] = {};
  const arrays = new Map<string, Uint8Array>();
  for (const part of content.parts) {
    if (!MODULES.includes(part.module))
      throw new DeltaError('unknown-module', `${part.module} is not a module`);
    if (parts[part.module]) throw new DeltaError('invalid', `two parts for module ${part.module}`);
    parts[part.module] = describe(part, model);
    for (const [array, values] of arraysOf(part)) arrays.set(`${part.module}.${array}`, asBytes(values));
  }
  const pieces = tensorTable({ parts }).map(({ name, bytes }) => {
    const piece = arrays.get(name)!;
    if (piece.byteLength !== bytes) {
      throw new DeltaError('wrong-shape', `${name} has ${piece.byteLength} bytes, must have ${bytes}`);
    }
    return piece;
  });
  const data = Buffer.concat(pieces);
  const manifest = checkManifest({
    schema: 'zen.delta/1',
    base,
    recipe,
    model,
    bitOrder: 'lsb',
    signOfZero: 1,
    scaleType: 'f16',
    parts,
    data: { sha256: createHash('sha256').update(data).digest('hex'), bytes: data.byteLength },
  });
  const file = Buffer.concat([headerBytes(Buffer.from(canonicalJson(manifest)), manifest), data]);
  const { data: _, ...header } = readDelta(file);
  return { file, ...header };
}

function describe(part: DeltaPart, model: DeltaModel): PartManifest {
  const shape = { ...moduleShape(model, part.module as Module), layers: [...part.layers] };
  switch (part.form) {
    case 'dense1':
      return { ...shape, form: part.form, group: part.group };
    case 'lora1':
      return { ...shape, form: part.form, rank: part.rank };
    case 'lora16':
      return { ...shape, form: part.form, rank: part.rank, scale: part.scale };
    case 'vec':
      return { ...shape, form: part.form };
  }
}

function arraysOf(part: DeltaPart): [string, Uint8Array | Uint16Array][] {
  switch (part.form) {
    case 'dense1':
      return [
        ['signs', part.signs],
        ['scales', part.scales],
      ];
    case 'lora1':
      return [
        ['a', part.a],
        ['b', part.b],
        ['scales', part.scales],
      ];
    case 'lora16':
      return [
        ['a', part.a],
        ['b', part.b],
      ];
    case 'vec':
      return [['v', part.v]];
  }
}

const asBytes = (values: Uint8Array | Uint16Array) =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
