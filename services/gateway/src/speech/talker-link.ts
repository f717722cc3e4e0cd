import type { DescribeTalkerResponse } from '@zen/contracts';
import { Backoff, pause } from '@zen/pause';
import { allows, attempt, type Circuit, CLOSED, fail, succeed } from '@zen/routing';
import { RpcError } from '@zen/rpc';
import { replicaFailure } from '../answer/failure';
import type { ConnectTalker, TalkerClient } from './talker-client';

export interface TalkerLinkOptions {
  connect: ConnectTalker;
  watchIntervalMs: number;
  /** In [0, 1): spreads reconnects of several gateways. */
  random: () => number;
  now: () => number;
  /** Told of every change between up and down; `reason` says why it is down. */
  onState(address: string, up: boolean, reason: string): void;
}

/** What a call does there. */
export type TalkerWork = 'speaking' | 'listening';

type State =
  | { t: 'connecting' }
  /** `ours`: our calls there, of each kind, when it said so. */
  | { t: 'ready'; about: DescribeTalkerResponse; ours: Record<TalkerWork, number> }
  | { t: 'down' };

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 5000;

/**
 * The connection to one talker: follows what it can do and how busy it is until the stream breaks, and starts over.
 * Between two reports it adds up our own calls exactly.
 */
export class TalkerLink {
  readonly client: TalkerClient;
  private circuit: Circuit = CLOSED;
  private state: State = { t: 'connecting' };
  private readonly inFlight: Record<TalkerWork, number> = { speaking: 0, listening: 0 };
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  constructor(
    readonly address: string,
    private readonly options: TalkerLinkOptions,
  ) {
    this.client = options.connect(address);
    this.running = this.follow();
  }

  /** What it said last; undefined while it is not connected. */
  get about(): DescribeTalkerResponse | undefined {
    return this.state.t === 'ready' ? this.state.about : undefined;
  }

  /** Whether it has been reached, or has failed to be. */
  get tried(): boolean {
    return this.state.t !== 'connecting';
  }

  /** Whether a new call may go there now: it is connected, stays, and has not just failed several times. */
  get open(): boolean {
    return this.about?.draining === false && allows(this.circuit, this.options.now());
  }

  /** Calls there and waiting for it, our own since its last report included. */
  calls(work: TalkerWork): number {
    if (this.state.t !== 'ready') return this.inFlight[work];
    const { about, ours } = this.state;
    const busy = work === 'speaking' ? about.speaking + about.waiting : about.listening;
    return Math.max(0, busy - ours[work]) + this.inFlight[work];
  }

  /** How full it is: above 1 calls wait. 1 where it never said a limit. */
  occupancy(work: TalkerWork): number {
    const { about } = this;
    if (!about) return Number.POSITIVE_INFINITY;
    const most = work === 'speaking' ? about.maxSpeaking : about.maxListening;
    return most > 0 ? this.calls(work) / most : 1;
  }

  /** A call begins; what is returned is told once how it ended. */
  begin(work: TalkerWork): (error: RpcError | null, signal?: AbortSignal) => void {
    this.inFlight[work]++;
    this.circuit = attempt(this.circuit, this.options.now());
    let open = true;
    return (error, signal = NEVER) => {
      if (!open) return;
      open = false;
      this.inFlight[work]--;
      if (!error) this.circuit = succeed();
      else if (replicaFailure(error, signal) === 'unavailable')
        this.circuit = fail(this.circuit, this.options.now());
    };
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.client.talker.close();
    this.client.transcriber.close();
    await this.running;
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    const { random, watchIntervalMs: intervalMs } = this.options;
    const backoff = new Backoff(FIRST_BACKOFF_MS, MAX_BACKOFF_MS, random);
    while (!signal.aborted) {
      try {
        for await (const { talker } of this.client.talker.watchTalker({ intervalMs }, { signal })) {
          if (talker) this.report(talker);
          backoff.reset();
        }
        this.down('it ended its report');
      } catch (error) {
        this.down(RpcError.from(error).message);
      }
      await pause(backoff.next(), signal);
    }
  }

  private report(about: DescribeTalkerResponse): void {
    const wasReady = this.state.t === 'ready';
    this.state = { t: 'ready', about, ours: { ...this.inFlight } };
    if (wasReady) return;
    // It may be another process than the one that failed.
    this.circuit = CLOSED;
    this.options.onState(this.address, true, '');
  }

  private down(reason: string): void {
    const wasDown = this.state.t === 'down';
    this.state = { t: 'down' };
    if (!wasDown && !this.stopping.signal.aborted) this.options.onState(this.address, false, reason);
  }
}

const NEVER = new AbortController().signal;
