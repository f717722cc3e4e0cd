import { DeltaError } from '../delta-error';
import { clip, Fields } from '../fields';
import { MAX_RANK } from '../manifest';
import { type DeltaModel, type Module, moduleShape } from '../modules';
import { type RowOrder, reorderRows } from '../row-order';
import type { TensorFile } from '../tensor-file';
import { type Adapter, type LoraFactors, moduleKey } from './adapter';
import { hfPath, parseHfName } from './hf-modules';
import { NamePattern } from './name-pattern';

const MAX_CONFIG = 1024 * 1024;
/** Of a LoRA: options with which it computes something else than scale · B A x, or on another model. */
const UNFOLLOWED = [
  'use_dora',
  'fan_in_fan_out',
  'modules_to_save',
  'lora_bias',
  'layer_replication',
  'trainable_token_indices',
  'target_parameters',
  'alora_invocation_tokens',
  'use_qalora',
  'use_bdlora',
  'arrow_config',
  'kasa_config',
  'monteclora_config',
];
/** Starts that take what they put into the factors out of the base (PEFT does so again when it loads most of them). */
const CHANGES_BASE = /^(?:pissa|corda|olora|loftq|lora_ga)/i;

/**
 * Reads a PEFT adapter (`adapter_config.json` and `adapter_model.safetensors`) for a base model. Whatever its free
 * text says of the base is not looked at: the shapes must fit, and the caller knows the base.
 */
export async function readPeft(
  configJson: string,
  file: TensorFile,
  model: DeltaModel,
  order: RowOrder,
): Promise<Adapter> {
  if (configJson.length > MAX_CONFIG) {
    throw new DeltaError(
      'too-large',
      `adapter_config has ${configJson.length} characters, at most ${MAX_CONFIG}`,
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(configJson);
  } catch (error) {
    throw new DeltaError('invalid', 'adapter_config is not JSON', { cause: error });
  }
  const config = json as Record<string, unknown>;
  const fields = Fields.of(json, 'adapter_config');
  const kind = fields.choice('peft_type', ['LORA', 'IA3']);
  return kind === 'LORA' ? readLora(config, fields, file, model, order) : readIa3(config, file, model, order);
}

async function readLora(
  config: Record<string, unknown>,
  fields: Fields,
  file: TensorFile,
  model: DeltaModel,
  order: RowOrder,
): Promise<Adapter> {
  refuseSet(config, UNFOLLOWED);
  const start = config.init_lora_weights;
  if (typeof start === 'string' && CHANGES_BASE.test(start)) {
    throw new DeltaError(
      'unsupported',
      `adapter_config.init_lora_weights is ${clip(start)}: it changes the base's weights; convert the adapter (PEFT: path_initial_model_for_weight_conversion)`,
    );
  }
  if ((config.bias ?? 'none') !== 'none') throw fields.refuse('bias', 'must be "none"', 'unsupported');
  const rank = fields.whole('r', 1, MAX_RANK.lora16);
  const alpha = fields.finite('lora_alpha');
  const ranks = new NamePattern(config, 'rank_pattern', (values, key) =>
    values.whole(key, 1, MAX_RANK.lora16),
  );
  const alphas = new NamePattern(config, 'alpha_pattern', (values, key) => values.finite(key));
  const halves = new Map<string, { a?: string; b?: string; layer: number; module: Module }>();
  for (const name of file.names) {
    const found = parseHfName(name, model);
    const side = found && /^lora_([AB])(?:\.default)?\.weight$/.exec(found.rest)?.[1];
    if (!found || !side) throw unknown(name);
    const { layer, module } = found;
    const half = halves.get(moduleKey(layer, module)) ?? { layer, module };
    half[side === 'A' ? 'a' : 'b'] = name;
    halves.set(moduleKey(layer, module), half);
  }
  const modules = new Map<string, LoraFactors>();
  for (const [key, { a, b, layer, module }] of halves) {
    const shape = moduleShape(model, module);
    const path = `model.${hfPath(layer, module)}`;
    const own = ranks.of(path) ?? rank;
    const scale = (alphas.of(path) ?? alpha) / (config.use_rslora ? Math.sqrt(own) : own);
    if (a === undefined || b === undefined)
      throw new DeltaError('invalid', `${key} has only one of lora_A and lora_B`);
    const left = await readShaped(file, a, [own, shape.in]);
    const right = await readShaped(file, b, [shape.out, own]);
    modules.set(key, {
      rank: own,
      scale,
      a: left,
      b: reorderRows(right, own, module, model, 'half', order),
    });
  }
  return nonEmpty({ kind: 'lora', modules });
}

async function readIa3(
  config: Record<string, unknown>,
  file: TensorFile,
  model: DeltaModel,
  order: RowOrder,
): Promise<Adapter> {
  refuseSet(config, ['fan_in_fan_out', 'modules_to_save']);
  const modules = new Map<string, Float32Array>();
  for (const name of file.names) {
    const found = parseHfName(name, model);
    if (!found || !/^ia3_l(?:\.default)?(?:\.weight)?$/.test(found.rest)) throw unknown(name);
    const { layer, module } = found;
    const { out, in: cols } = moduleShape(model, module);
    // A factor of down's inputs is one of up's outputs, of which they are made; no other module's inputs are so plain.
    const shape = file.shape(name)!;
    const ofInputs = shape.length === 2 && shape[0] === 1 && shape[1] !== 1;
    if (ofInputs && module !== 'down') {
      throw new DeltaError(
        'unsupported',
        `${clip(name)} multiplies inputs of ${module}; only those of down can be used`,
      );
    }
    const values = await readShaped(file, name, ofInputs ? [1, cols] : [out, 1]);
    const target = ofInputs ? 'up' : module;
    const key = moduleKey(layer, target);
    const before = modules.get(key);
    const ordered = reorderRows(values, 1, target, model, 'half', order);
    modules.set(key, before ? ordered.map((value, i) => value * before[i]!) : ordered);
  }
  return nonEmpty({ kind: 'ia3', modules });
}

async function readShaped(file: TensorFile, name: string, shape: [number, number]): Promise<Float32Array> {
  const found = file.shape(name) ?? [];
  if (found.length !== 2 || found[0] !== shape[0] || found[1] !== shape[1]) {
    throw new DeltaError('wrong-shape', `${clip(name)} is [${found}], must be [${shape}] in this model`);
  }
  const values = (await file.read(name))!;
  if (!values.every(Number.isFinite))
    throw new DeltaError('non-finite', `${clip(name)} holds a number that is not finite`);
  return values;
}

/** Options that change what an adapter computes and that this reader does not follow. */
function refuseSet(config: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    const value = config[name];
    const unset = value === undefined || value === null || value === false || isEmpty(value);
    if (!unset)
      throw new DeltaError(
        'unsupported',
        `adapter_config.${name} is set, which this version does not follow`,
      );
  }
}

const isEmpty = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

const unknown = (name: string) =>
  new DeltaError(
    'unknown-module',
    `tensor ${JSON.stringify(name.slice(0, 200))} belongs to no linear module of this model`,
  );

function nonEmpty(adapter: Adapter): Adapter {
  if (adapter.modules.size === 0) throw new DeltaError('zero-coverage', 'the adapter has no tensors');
  return adapter;
}
