import type { StepOutput } from '@zen/batching';
import type { ExpertState } from '@zen/contracts';
import type { StageSource } from '../serving/stage-climb';
import type { CapsPolicy } from './caps-policy';
import type { ExpertCounts } from './expert-counts';
import type { ExpertEngine } from './expert-engine';
import type { Coverage, ExpertFleet } from './expert-fleet';

/** Experts elsewhere: who has them, and what goes on in the background about it. */
export interface RemoteSide {
  fleet: ExpertFleet;
  /** Follows placements until the signal. */
  watch(signal: AbortSignal): Promise<void>;
  /** Takes the rows that each expert was chosen for, and passes them on. */
  load(rows: Uint32Array, signal: AbortSignal): void;
  close(): Promise<void>;
}

const TICK_MS = 1000;

/** The experts of the model that is served, wherever they are computed. */
export class ServedExperts {
  private readonly stopping = new AbortController();
  private readonly waiting = new Set<() => void>();
  /** By stage, as of the last change or tick. */
  private readonly known = new Map<number, Coverage>();
  private timer: NodeJS.Timeout | undefined;
  private watching: Promise<void> = Promise.resolve();
  private moved: () => void = () => undefined;
  /** The stage whose experts are waited for; null while none is. */
  private awaited: number | null = null;

  constructor(
    private readonly engine: ExpertEngine,
    readonly counts: ExpertCounts,
    /** Null where all experts are here. */
    private readonly remote: RemoteSide | null,
    /** Null where every expert is computed at the stage of its row. */
    private readonly caps: CapsPolicy | null,
  ) {}

  /** `moved`: experts can be had that could not, or the other way round. */
  start(moved: () => void): void {
    this.moved = moved;
    this.timer = setInterval(() => this.tick(), TICK_MS);
    if (this.remote) this.watching = this.remote.watch(this.stopping.signal);
  }

  /** Placement or pods have changed. */
  changed(): void {
    this.known.clear();
    for (const wake of this.waiting) wake();
    this.waiting.clear();
    this.moved();
  }

  saw(outputs: readonly StepOutput[]): void {
    for (const { expertFalls } of outputs) if (expertFalls) this.counts.fell(expertFalls);
  }

  coverage(stage: number): Coverage {
    const { layers, experts } = this.engine.shape;
    if (!this.remote) return { local: layers * experts, remote: 0, standInOnly: 0, missing: 0 };
    const known = this.known.get(stage) ?? this.remote.fleet.coverage(stage);
    this.known.set(stage, known);
    return known;
  }

  /** Whether an answer at this stage gets every expert, if not at the stage then as a stand-in. */
  answers(stage: number): boolean {
    return this.coverage(Math.max(0, stage)).missing === 0;
  }

  /** What keeps the next stage from being used; null where nothing does. */
  get trouble(): string | null {
    if (this.awaited === null) return null;
    const { standInOnly, missing } = this.coverage(this.awaited);
    const { layers, experts } = this.engine.shape;
    return `stage ${this.awaited}: no pod has ${standInOnly + missing} of its ${layers * experts} experts`;
  }

  /** Pairs of a layer and an expert that never have this stage, to fit the budget. */
  capped(stage: number): number {
    return this.caps?.below(stage) ?? 0;
  }

  get pods(): { up: number; down: number } {
    return this.remote?.fleet.connected ?? { up: 0, down: 0 };
  }

  get version(): bigint {
    return this.remote?.fleet.version ?? 0n;
  }

  /** The same stages, each only when its experts can be had: a stage of stand-ins is worth no more than theirs. */
  gate(source: StageSource): StageSource {
    if (!this.remote) return source;
    return {
      get manifest() {
        return source.manifest;
      },
      wanted: (stage) => source.wanted(stage),
      repair: (stage, chunks, signal) => source.repair(stage, chunks, signal),
      stage: async (stage, signal) => {
        await source.stage(stage, signal);
        await this.available(stage, signal);
        // Its file may have another name by now.
        return source.stage(stage, signal);
      },
    };
  }

  state(stage: number): ExpertState {
    const { layers, experts, perToken } = this.engine.shape;
    const { counts } = this;
    const { local, remote, standInOnly, missing } = this.coverage(Math.max(0, stage));
    return {
      layers,
      experts,
      expertsPerToken: perToken,
      local,
      remote,
      standInOnly,
      missing,
      placementVersion: this.version,
      localPairs: BigInt(counts.localPairs),
      remotePairs: BigInt(counts.remotePairs),
      falls: { standIn: BigInt(counts.standIn), without: BigInt(counts.without) },
      hedgedCalls: BigInt(counts.hedgedCalls),
      failedOverCalls: BigInt(counts.failedOverCalls),
      capped: this.capped(Math.max(0, stage)),
    };
  }

  /** Only after the last step. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.stopping.abort();
    await this.watching;
    await this.remote?.close();
  }

  private tick(): void {
    this.known.clear();
    const rows = this.engine.takeExpertLoad();
    this.counts.chosen(rows);
    const caps = this.caps?.tick(rows);
    if (caps) this.engine.setExpertCaps(caps);
    this.remote?.load(rows, this.stopping.signal);
  }

  private async available(stage: number, signal: AbortSignal): Promise<void> {
    let wake = () => {};
    const aborted = () => wake();
    signal.addEventListener('abort', aborted, { once: true });
    try {
      while (!enough(this.coverage(stage))) {
        signal.throwIfAborted();
        this.awaited = stage;
        await new Promise<void>((resolve) => {
          wake = resolve;
          this.waiting.add(resolve);
        });
      }
    } finally {
      this.awaited = null;
      signal.removeEventListener('abort', aborted);
    }
  }
}

/**
 * All of a stage's experts; or most of them, where the others have stand-ins: a pod that is down when a thinker starts
 * must not keep it at the stage of its stand-ins.
 */
function enough({ local, remote, standInOnly, missing }: Coverage): boolean {
  if (missing > 0) return false;
  return standInOnly === 0 || local + remote > standInOnly;
}
