import { canonicalJson } from './canonical-json';
import { DeltaError } from './delta-error';
import { clip, Fields } from './fields';
import {
  type DeltaManifest,
  MAX_DATA_BYTES,
  MAX_HEADER_BYTES,
  MAX_RANK,
  type PartManifest,
  SCHEMA,
} from './manifest';
import { type DeltaModel, MODULES, type Module, moduleShape, RECIPE, RECIPES } from './modules';
import { dataBytes } from './tensor-table';

/** Reads and checks a manifest's bytes: every field, every shape, and that they are in canonical form. */
export function parseManifest(bytes: Uint8Array): DeltaManifest {
  if (bytes.byteLength > MAX_HEADER_BYTES) {
    throw new DeltaError(
      'too-large',
      `the manifest has ${bytes.byteLength} bytes, at most ${MAX_HEADER_BYTES}`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new DeltaError('invalid', 'the manifest is not JSON', { cause: error });
  }
  const manifest = checkManifest(json);
  if (!Buffer.from(canonicalJson(manifest)).equals(bytes)) {
    throw new DeltaError('not-canonical', 'the manifest is not canonical JSON (sorted keys, no spaces)');
  }
  return manifest;
}

/** The same for a manifest as a value. */
export function checkManifest(json: unknown): DeltaManifest {
  const fields = Fields.of(json, '');
  fields.only(['schema', 'base', 'recipe', 'model', 'bitOrder', 'signOfZero', 'scaleType', 'parts', 'data']);
  const recipe = fields.choice('recipe', RECIPES);
  const model = readModel(fields.child('model'));
  const data = fields.child('data');
  data.only(['sha256', 'bytes']);
  const manifest: DeltaManifest = {
    schema: fields.exactly('schema', SCHEMA),
    base: fields.matching('base', /^sha256:[0-9a-f]{64}$/, 'sha256: and 64 lower-case hex digits'),
    recipe,
    model,
    bitOrder: fields.exactly('bitOrder', 'lsb'),
    signOfZero: fields.exactly('signOfZero', 1),
    scaleType: fields.exactly('scaleType', 'f16'),
    parts: {},
    data: {
      sha256: data.matching('sha256', /^[0-9a-f]{64}$/, '64 lower-case hex digits'),
      bytes: data.whole('bytes', 0, MAX_DATA_BYTES),
    },
  };
  const parts = fields.child('parts');
  for (const name of parts.keys()) {
    if (!MODULES.includes(name as Module)) {
      throw new DeltaError('unknown-module', `parts.${clip(name)} is not one of ${MODULES.join(', ')}`);
    }
    const module = name as Module;
    if (!RECIPE[recipe].modules.includes(module)) {
      throw parts.refuse(module, `does not belong to the recipe ${recipe}`, 'unknown-module');
    }
    manifest.parts[module] = readPart(parts.child(module), module, manifest);
  }
  if (parts.keys().length === 0) throw new DeltaError('zero-coverage', 'parts must name at least one module');
  const bytes = dataBytes(manifest);
  if (bytes !== manifest.data.bytes)
    throw data.refuse('bytes', `must be ${bytes}, as the parts say`, 'wrong-shape');
  return manifest;
}

function readModel(fields: Fields): DeltaModel {
  fields.only(['layers', 'hidden', 'ffn', 'heads', 'kvHeads', 'headSize']);
  return {
    layers: fields.whole('layers', 1, 1024),
    hidden: fields.whole('hidden', 1, 65_536),
    ffn: fields.whole('ffn', 1, 1_048_576),
    heads: fields.whole('heads', 1, 1024),
    kvHeads: fields.whole('kvHeads', 1, 1024),
    headSize: fields.whole('headSize', 1, 1024),
  };
}

function readPart(fields: Fields, module: Module, { recipe, model }: DeltaManifest): PartManifest {
  const form = fields.exactly('form', RECIPE[recipe].form);
  const wanted = moduleShape(model, module);
  for (const side of ['out', 'in'] as const) {
    if (fields.whole(side, 1, 2 ** 20) !== wanted[side]) {
      throw fields.refuse(side, `must be ${wanted[side]} in this model`, 'wrong-shape');
    }
  }
  const shape = { ...wanted, layers: readLayers(fields, model.layers) };
  const common = ['form', 'layers', 'out', 'in'];
  switch (form) {
    case 'dense1': {
      fields.only([...common, 'group']);
      const group = fields.whole('group', 1, wanted.in);
      if (wanted.in % group !== 0 || (group !== wanted.in && group % 32 !== 0)) {
        throw fields.refuse(
          'group',
          `must be ${wanted.in}, or a multiple of 32 that divides it`,
          'wrong-shape',
        );
      }
      return { form, ...shape, group };
    }
    case 'lora1':
      fields.only([...common, 'rank']);
      return { form, ...shape, rank: fields.whole('rank', 1, MAX_RANK.lora1) };
    case 'lora16':
      fields.only([...common, 'rank', 'scale']);
      return { form, ...shape, rank: fields.whole('rank', 1, MAX_RANK.lora16), scale: readScale(fields) };
    case 'vec':
      fields.only(common);
      return { form, ...shape };
  }
}

/** The engine multiplies in float32, so a scale must be one. */
function readScale(fields: Fields): number {
  const scale = fields.finite('scale');
  if (Math.fround(scale) !== scale) throw fields.refuse('scale', 'must be a float32');
  return scale;
}

function readLayers(fields: Fields, layers: number): number[] {
  const list = fields.list('layers', layers);
  if (list.length === 0) throw fields.refuse('layers', 'must name at least one layer', 'zero-coverage');
  for (const [index, layer] of list.entries()) {
    const least = index === 0 ? 0 : (list[index - 1] as number) + 1;
    if (!Number.isInteger(layer) || (layer as number) < least || (layer as number) >= layers) {
      throw fields.refuse('layers', `must rise from 0 to at most ${layers - 1}`, 'wrong-shape');
    }
  }
  return list as number[];
}
