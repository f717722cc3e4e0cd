import {
  DeltaError,
  type DeltaManifest,
  deltaModel,
  type Fit,
  type InputMoment,
  MAX_RANK,
  MODULES,
  type Module,
  momentOf,
  RECIPE,
  type Recipe,
  tensorName,
  writeDelta,
} from '@zen/deltas';
import type { DeltaPart, NativeQuant } from '@zen/engine';
import { type DenseReader, type LayerHessians, modelTensors, ReferenceModel } from '@zen/ladder';
import type { BuildBase } from './build-base';
import { encodeModule, joinParts } from './module-encoder';
import { takeAdapter } from './take-adapter';
import type { Tuned } from './tuned';

export interface BuildOptions {
  quant: NativeQuant;
  base: BuildBase;
  tuned: Tuned;
  recipe: Recipe;
  /** Modules to change; null: all that the recipe may. */
  modules: readonly Module[] | null;
  /** 1 to 64 in lora1, to 256 in lora16; null: the adapter's own, else 8 and 16. */
  rank: number | null;
  /** dense1: columns that share a scale, a multiple of 32; null: one scale a row. */
  group: number | null;
  /** Texts on which the base model shows what its modules see; none: every input counts alike. */
  calibration: readonly Int32Array[];
  statistics: 'full' | 'diagonal';
  progress: (done: number, total: number) => void;
  signal: AbortSignal;
}

export interface BuiltDelta {
  file: Buffer;
  digest: string;
  manifest: DeltaManifest;
  /** Share of the change of each module's output that the delta holds, 0 to 1; empty where the adapter was taken over. */
  kept: Partial<Record<Module, number>>;
  /** Taken over as it was, not fitted. */
  exact: boolean;
}

const DEFAULT_RANK = { lora1: 8, lora16: 16 } as const;

/**
 * Makes a delta of a fine-tuned model. Layer by layer: the base model runs on the calibration texts, and each module's
 * change is encoded for what the module saw. Memory is that of one layer; its arithmetic keeps the event loop for up
 * to a second at a time.
 */
export async function buildDelta(options: BuildOptions): Promise<BuiltDelta> {
  const { base, recipe, tuned } = options;
  const modules = modulesOf(options);
  const write = (parts: DeltaPart[]) =>
    writeDelta({ base: base.digest, recipe, model: deltaModel(base.model), parts });
  const taken =
    tuned.adapter && ownRank(options) && takeAdapter(tuned.adapter, recipe, modules, base.model.layers);
  if (taken) {
    const { file, digest, manifest } = write(taken);
    return { file, digest, manifest, kept: {}, exact: true };
  }
  const { parts, kept } = await encodeLayers(options, modules);
  if (parts.length === 0)
    throw new DeltaError('zero-coverage', 'the fine-tune changes no module of this recipe');
  const { file, digest, manifest } = write(parts);
  return { file, digest, manifest, kept, exact: false };
}

function modulesOf({ recipe, modules }: BuildOptions): readonly Module[] {
  const allowed = RECIPE[recipe].modules;
  for (const module of modules ?? []) {
    if (!allowed.includes(module)) {
      throw new DeltaError(
        'unknown-module',
        `${module} does not belong to the recipe ${recipe} (${allowed.join(', ')})`,
      );
    }
  }
  return modules ?? allowed;
}

/** Whether the rank that is asked for is the adapter's. */
function ownRank({ tuned, rank }: BuildOptions): boolean {
  if (rank === null || tuned.adapter?.kind !== 'lora') return true;
  return [...tuned.adapter.modules.values()].every((lora) => lora.rank === rank);
}

function rankOf({ recipe, rank, tuned }: BuildOptions): number {
  if (recipe !== 'lora1' && recipe !== 'lora16') return 0;
  const most = MAX_RANK[recipe];
  const own =
    tuned.adapter?.kind === 'lora'
      ? Math.max(...[...tuned.adapter.modules.values()].map((lora) => lora.rank))
      : null;
  const chosen = rank ?? Math.min(most, own ?? DEFAULT_RANK[recipe]);
  if (!Number.isInteger(chosen) || chosen < 1 || chosen > most) {
    throw new DeltaError('invalid', `rank must be a whole number from 1 to ${most} in ${recipe}`);
  }
  return chosen;
}

async function encodeLayers(options: BuildOptions, modules: readonly Module[]) {
  const { quant, base, tuned, recipe, signal, group } = options;
  const form = { form: RECIPE[recipe].form, rank: rankOf(options), group };
  const shapes = modelTensors(base.model);
  const inputs = await LayerInputs.begin(options);
  const encoded = new Map<Module, DeltaPart[]>();
  const fits = new Map<Module, Fit>();
  for (let layer = 0; layer < base.model.layers; layer++) {
    options.progress(layer, base.model.layers);
    const read = keeping(base.read);
    await inputs?.run(layer, read);
    for (const module of MODULES.filter((each) => modules.includes(each))) {
      signal.throwIfAborted();
      const name = tensorName(layer, module);
      const [rows, cols] = shapes.get(name)!.shape;
      const weights = (await read(name))!;
      const delta = await tuned.difference(layer, module, weights);
      if (delta === null) continue;
      const moment = inputs?.moment(module, cols) ?? { kind: 'none' };
      const change = { layer, module, weights, delta, rows, cols, moment };
      const { part, fit } = await encodeModule(change, form, quant.multiply);
      encoded.set(module, [...(encoded.get(module) ?? []), part]);
      const sum = fits.get(module) ?? { total: 0, kept: 0 };
      fits.set(module, { total: sum.total + fit.total, kept: sum.kept + fit.kept });
    }
  }
  options.progress(base.model.layers, base.model.layers);
  const kept: BuiltDelta['kept'] = {};
  for (const [module, fit] of fits) kept[module] = fit.kept / fit.total;
  return { parts: [...encoded.values()].map(joinParts), kept };
}

/** What the modules of one layer after the other see. */
class LayerInputs {
  private hessians: LayerHessians | null = null;

  private constructor(
    private readonly reference: ReferenceModel,
    private readonly x: Float32Array,
    private readonly lengths: Int32Array,
    private readonly kind: 'full' | 'diagonal',
  ) {}

  /** Null without texts. */
  static async begin({ quant, base, calibration, statistics }: BuildOptions): Promise<LayerInputs | null> {
    if (calibration.length === 0) return null;
    const reference = new ReferenceModel(quant, base.model, base.read);
    const x = await reference.embed([...calibration]);
    return new LayerInputs(
      reference,
      x,
      Int32Array.from(calibration, ({ length }) => length),
      statistics,
    );
  }

  async run(layer: number, read: DenseReader): Promise<void> {
    this.hessians = this.reference.emptyHessians();
    await this.reference.layer(layer, this.x, this.lengths, this.hessians, read);
  }

  moment(module: Module, cols: number): InputMoment {
    const sums = this.hessians![INPUT[module]];
    return momentOf(sums, cols, this.kind);
  }
}

const INPUT: Readonly<Record<Module, keyof LayerHessians>> = {
  q: 'attnIn',
  k: 'attnIn',
  v: 'attnIn',
  o: 'attnOut',
  gate: 'ffnIn',
  up: 'ffnIn',
  down: 'ffnMid',
};

/** Reads each tensor once. */
function keeping(read: DenseReader): DenseReader {
  const kept = new Map<string, Promise<Float32Array | null>>();
  return (name) => {
    const known = kept.get(name) ?? read(name);
    kept.set(name, known);
    return known;
  };
}
