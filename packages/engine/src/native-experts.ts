/** Mixture of experts at the native border; `native.ts` holds the rest of it. */

/** How rows of float32 cross a border. `int8` and `int16` are the kernels' own integers, so they lose nothing. */
export type RowEncoding = 'f32' | 'bf16' | 'int8' | 'int16';

/** Rows through some experts of one layer. A pair is one row and one expert; pairs are grouped by expert. */
export interface ExpertRows {
  layer: number;
  stage: number;
  encoding: RowEncoding;
  /** [rows][hiddenSize] in this encoding, little-endian. */
  rows: Uint8Array;
  /** [rows][hiddenSize / 32]; empty for f32 and bf16. */
  scales: Float32Array;
  /** Ascending. */
  experts: Int32Array;
  /** Pairs of each of them. */
  counts: Int32Array;
  /** The row of each pair. */
  pairs: Int32Array;
}

/** What `OpenOptions.experts` takes: which experts a thinker has itself, and who computes the others. */
export interface RemoteExperts {
  /**
   * [layers][experts]: the highest stage at which this process computes the expert itself, −1 for none. Its tensors'
   * sections of higher stages are never read, so their chunks may be missing (holes) in the attached blobs.
   */
  resident: Int8Array;
  /**
   * Called on the event loop, while a step waits, with the pairs of a layer that are not resident at their stage: a
   * call for each stage and encoding, and for either half of a pass where it runs as two. Answer each call once with
   * `completeExperts`. Where it throws, the error is an uncaught one and the call's experts are missing.
   */
  dispatch(call: ExpertCall): void;
}

export interface ExpertCall extends ExpertRows {
  /** Of this dispatch. */
  id: number;
  /** Some row of it takes nothing but the expert itself: its floor says so, or it has no stand-in at `standIn`. */
  exact: boolean;
}

/** The lowest that an item takes where one of its experts is missing. */
export type ExpertFloor = 'exact' | 'standIn' | 'without';

/** Of an item in a step: pairs that did not get the expert at the item's stage. */
export interface ExpertFalls {
  standIn: number;
  without: number;
}

/** The methods that a mixture adds to `NativeModel`. */
export interface NativeMixture {
  /**
   * Answers a dispatch: `outputs` is float32 [pairs][hiddenSize] in the call's order, `missing` one byte for each of
   * the call's experts, 1 where its outputs are not there. A missing expert is replaced as each row's floor allows:
   * the resident stage, then none; a row that takes neither leaves the step (`noExpert`). A wrong answer throws and
   * counts as missing. After `close()` it does nothing.
   */
  completeExperts(id: number, outputs: Float32Array, missing: Uint8Array): void;
  /**
   * [layers][experts]: an expert is computed at min(row's stage, cap), here and elsewhere, from the next step on. All
   * at the top stage at first.
   */
  setExpertCaps(caps: Int8Array): void;
  /** [layers][experts]: rows that each expert was chosen for since the last call. */
  takeExpertLoad(): Uint32Array;
}

/** Some experts of a ladder without the rest of the model: what an expert pod runs. */
export interface NativeExperts {
  /**
   * Maps and prepares experts of one layer at stages 0 to `blobs.length − 1`, off the event loop at low priority.
   * `blobs` are paths by stage; only the experts' own sections are read, the rest of a blob may be holes. Experts that
   * are held already at that stage cost nothing. Rejects with an EngineError that names tensor and limit.
   */
  hold(layer: number, experts: Int32Array, blobs: string[]): Promise<void>;
  /** Lets go; a running `run` ends with what it began with. */
  release(layer: number, experts: Int32Array): void;
  /**
   * Outputs before their gates, [pairs][hiddenSize] float32 (or bfloat16) little-endian, in the call's order. Runs off
   * the event loop; calls wait for each other, so more than two at once only take threads from others. Rejects with
   * the field `held` where an expert is not held at that stage. 1 to 65,536 rows, 1 to 2^20 pairs; integers within
   * ±127 or ±32,639; integers only where the expert's matrices are codes. The arrays must stay as they are until then.
   */
  run(call: ExpertRows, answer: 'f32' | 'bf16'): Promise<ExpertOutputs>;
  stats(): { held: number; mappedBytes: number; mergedBytes: number };
  close(): void;
}

export interface ExpertOutputs {
  outputs: Uint8Array;
  /** Arithmetic alone, microseconds. */
  computeUs: number;
}

export interface OpenExpertsOptions {
  /** Threads that run kernels, 1 to 256. */
  threads: number;
}
