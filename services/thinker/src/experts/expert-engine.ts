import type { ExpertCall, NativeModel } from '@zen/engine';
import type { ExpertCosts } from '@zen/ladder';
import type { MixtureShape } from './placement-map';

export interface Mixture extends MixtureShape {
  perToken: number;
}

/** What the thinker needs of an engine whose model is a mixture. */
export interface ExpertEngine {
  readonly shape: Mixture;
  /**
   * [layers × experts]: the highest stage at which this process computes the expert itself, −1 for none; null where it
   * computes all of them itself.
   */
  readonly resident: Int8Array | null;
  /** What experts take in memory and are worth. */
  readonly costs: ExpertCosts;
  /** From now on this one is given what is not resident; before, all of it is missing. */
  onDispatch(handler: (call: ExpertCall) => void): void;
  completeExperts(id: number, outputs: Float32Array, missing: Uint8Array): void;
  setExpertCaps(caps: Int8Array): void;
  takeExpertLoad(): Uint32Array;
}

/** The native engine's experts. Made before the model is open, for that is given where to dispatch to. */
export class EngineExperts implements ExpertEngine {
  private model: Pick<NativeModel, 'completeExperts' | 'setExpertCaps' | 'takeExpertLoad'> | null = null;
  private handler: (call: ExpertCall) => void = (call) => this.nobody(call);

  constructor(
    readonly shape: Mixture,
    readonly resident: Int8Array | null,
    readonly costs: ExpertCosts,
  ) {}

  bind(model: NonNullable<EngineExperts['model']>): void {
    this.model = model;
  }

  /** What the model calls. */
  readonly dispatch = (call: ExpertCall): void => this.handler(call);

  onDispatch(handler: (call: ExpertCall) => void): void {
    this.handler = handler;
  }

  completeExperts(id: number, outputs: Float32Array, missing: Uint8Array): void {
    this.model?.completeExperts(id, outputs, missing);
  }

  setExpertCaps(caps: Int8Array): void {
    this.model?.setExpertCaps(caps);
  }

  takeExpertLoad(): Uint32Array {
    return this.model?.takeExpertLoad() ?? new Uint32Array(this.shape.layers * this.shape.experts);
  }

  private nobody({ id, experts }: ExpertCall): void {
    this.completeExperts(id, new Float32Array(0), new Uint8Array(experts.length).fill(1));
  }
}
