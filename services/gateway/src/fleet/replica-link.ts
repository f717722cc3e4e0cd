import type { ReplicaState } from '@zen/admission';
import type { DeltaCapacity, DescribeResponse, Load, Progress, Stage, WatchResponse } from '@zen/contracts';
import { Backoff, pause } from '@zen/pause';
import { Arrivals, type Replica } from '@zen/quality';
import { type Circuit, CLOSED, PrefixIndex } from '@zen/routing';
import type { Connect, ThinkerClient } from './thinker-client';

export interface LinkOptions {
  connect: Connect;
  watchIntervalMs: number;
  /** In [0, 1): spreads reconnects of several gateways. */
  random: () => number;
  /** Told of every change between up and down; `reason` says why it is down. */
  onState(address: string, up: boolean, reason: string): void;
  /** It may be able to take one more: an answer of ours has ended, or it has reported. */
  onRoom?(): void;
  /** Stage below which a model answers nobody; 0 where it is not said. */
  floorOf?(model: string): number;
}

type State =
  | { t: 'connecting' }
  | {
      t: 'ready';
      about: DescribeResponse;
      stages: Stage[];
      load: Load;
      others: Others;
      /** Our requests to it at that moment, and the most since the report before. */
      ours: { now: number; most: number };
      progress: Progress | undefined;
      draining: boolean;
      deltas: DeltaCapacity | undefined;
    }
  | { t: 'down' };

/** Load that other gateways put on the replica: what it reported less our own share at that moment. */
interface Others {
  sequences: number;
  prefillTokens: number;
}

/** One of our requests on a replica. */
export interface Lease {
  /** Its prompt has been computed. */
  started(): void;
  end(): void;
}

const DESCRIBE_TIMEOUT_MS = 5000;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5000;

/**
 * The connection to one thinker: asks what it is, then follows its load until the stream breaks, and starts over.
 * Between two reports it adds up our own requests exactly, so a burst is seen before the thinker can report it.
 */
export class ReplicaLink {
  circuit: Circuit = CLOSED;
  /** Our own requests to it. */
  readonly arrivals = new Arrivals();
  readonly client: ThinkerClient;
  /** Prompts that it has computed, as far as this gateway knows. */
  prefixes = new PrefixIndex();
  private state: State = { t: 'connecting' };
  private readonly stopping = new AbortController();
  private inFlight = 0;
  /** Since the last report. */
  private mostInFlight = 0;
  private unstartedTokens = 0;
  private readonly running: Promise<void>;

  constructor(
    readonly address: string,
    private readonly options: LinkOptions,
  ) {
    this.client = options.connect(address);
    this.running = this.follow();
  }

  /** What it said about itself; undefined while it is not connected. */
  get about(): DescribeResponse | undefined {
    return this.state.t === 'ready' ? this.state.about : undefined;
  }

  /** Whether it has been reached, or has failed to be. */
  get tried(): boolean {
    return this.state.t !== 'connecting';
  }

  get stages(): readonly Stage[] {
    return this.state.t === 'ready' ? this.state.stages : [];
  }

  /** Its places for deltas; undefined while it takes none. */
  get deltas(): DeltaCapacity | undefined {
    return this.state.t === 'ready' ? this.state.deltas : undefined;
  }

  /** How far it has climbed; undefined while it is not connected or does not say. */
  get progress(): Progress | undefined {
    return this.state.t === 'ready' ? this.state.progress : undefined;
  }

  /** As the stage choice sees it; undefined while nothing new may go there: it is not connected, or shuts down. */
  view(): Replica | undefined {
    if (this.state.t !== 'ready' || this.state.draining) return undefined;
    const { about, stages, load, others } = this.state;
    const floor = Math.max(about.minServableStage, this.options.floorOf?.(about.model) ?? 0);
    return {
      id: this.address,
      model: about.model,
      host: about.host === '' ? null : about.host,
      load: {
        // Running and waiting only matter as a sum to the prediction.
        running: this.sequences,
        waiting: 0,
        prefillTokensWaiting: others.prefillTokens + this.unstartedTokens,
        maxRunning: about.limits?.maxRunning ?? 1,
        costs: load.costs,
      },
      stages: stages.map(({ stage, servable, attached, quality }) => ({
        stage,
        servable: servable && stage >= floor,
        attached,
        top1: quality?.top1 ?? null,
        jsonValid: quality?.jsonValid ?? null,
      })),
    };
  }

  /** Answers on it and waiting for it, those of other gateways included. */
  get sequences(): number {
    return (this.state.t === 'ready' ? this.state.others.sequences : 0) + this.inFlight;
  }

  /** How full it is, our own requests since its last report included; undefined while it takes none. */
  occupancy(): ReplicaState | undefined {
    if (this.state.t !== 'ready' || this.state.draining) return undefined;
    const { about, load, ours } = this.state;
    // A report is a little late: what it counts of ours may have ended since, and is nobody else's.
    const others = Math.max(0, load.running + load.waiting - ours.most);
    return {
      // One that does not say refuses by itself.
      maxRunning: about.limits?.maxRunning || Number.POSITIVE_INFINITY,
      maxWaiting: about.limits?.maxWaiting ?? 0,
      sequences: others + this.inFlight,
      waiting: load.waiting + Math.max(0, this.inFlight - ours.now),
      kvFree: load.kvBlocksTotal > 0 ? load.kvBlocksFree / load.kvBlocksTotal : 1,
    };
  }

  /** `promptTokens`: those that it has to compute. */
  begin(promptTokens: number): Lease {
    let waiting = true;
    let open = true;
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    this.unstartedTokens += promptTokens;
    const started = () => {
      if (waiting) this.unstartedTokens -= promptTokens;
      waiting = false;
    };
    const end = () => {
      started();
      if (!open) return;
      open = false;
      this.inFlight--;
      this.options.onRoom?.();
    };
    return { started, end };
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.client.close();
    await this.running;
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    const backoff = new Backoff(FIRST_BACKOFF_MS, MAX_BACKOFF_MS, this.options.random);
    while (!signal.aborted) {
      try {
        const about = await this.client.describe({}, { signal, timeoutMs: DESCRIBE_TIMEOUT_MS });
        const request = { intervalMs: this.options.watchIntervalMs };
        for await (const report of this.client.watch(request, { signal })) {
          // Its model arrived between the two calls: it has to be asked again what it is.
          if (report.load && about.model === '') break;
          if (report.load) this.report(about, report, report.load);
          backoff.reset();
        }
        this.down('it ended its load report');
      } catch (error) {
        this.down(error instanceof Error ? error.message : String(error));
      }
      await pause(backoff.next(), signal);
    }
  }

  private report(about: DescribeResponse, report: WatchResponse, load: Load): void {
    const { stages, progress, draining, deltas } = report;
    const wasReady = this.state.t === 'ready';
    const others = {
      sequences: Math.max(0, load.running + load.waiting - this.inFlight),
      prefillTokens: Math.max(0, Number(load.prefillTokensWaiting) - this.unstartedTokens),
    };
    const ours = { now: this.inFlight, most: this.mostInFlight };
    this.state = { t: 'ready', about, stages, load, others, ours, progress, draining, deltas };
    this.mostInFlight = this.inFlight;
    if (!wasReady) this.options.onState(this.address, true, '');
    this.options.onRoom?.();
  }

  private down(reason: string): void {
    const wasDown = this.state.t === 'down';
    this.state = { t: 'down' };
    // What comes back may be a new process, with an empty cache.
    this.prefixes = new PrefixIndex();
    if (!wasDown && !this.stopping.signal.aborted) this.options.onState(this.address, false, reason);
  }
}
