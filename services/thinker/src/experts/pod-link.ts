import {
  ExpertFailure,
  type ExpertPodState,
  type ExpertServiceDefinition,
  type RunExpertsRequest,
  type RunExpertsResponse,
} from '@zen/contracts';
import { Backoff, pause } from '@zen/pause';
import type { OpenStream, RpcClient } from '@zen/rpc';
import { callMessage, cancelMessage } from './call-message';
import type { ExpertPod, PodAsk, PodFailure } from './expert-pod';
import { PodPace } from './pod-pace';

export interface PodLinkOptions {
  connect(address: string): RpcClient<typeof ExpertServiceDefinition>;
  artifactDigest: string;
  hiddenSize: number;
  /** A call that is not answered for so long has failed; a pod that says nothing for so long is gone, milliseconds. */
  silenceMs: number;
  /** Since some moment; never goes back. */
  nowMs(): number;
  /** In [0, 1): spreads reconnects. */
  random(): number;
  /** It can be asked now and could not before, or the other way round; `reason` says why not. */
  onChange(address: string, usable: boolean, reason: string): void;
}

type State =
  | { t: 'connecting' }
  | { t: 'ready'; stream: OpenStream<RunExpertsRequest>; about: ExpertPodState }
  | { t: 'down' };

interface Pending {
  ask: PodAsk;
  pairs: number;
  sentMs: number;
}

const FIRST_BACKOFF_MS = 100;
const LONGEST_BACKOFF_MS = 5000;
/** Of one that fell silent while it was connected: each time costs a step the whole silence. */
const FIRST_PENALTY_MS = 1000;
const LONGEST_PENALTY_MS = 60_000;
const WATCH_INTERVAL_MS = 500;

const FAILURES: Record<ExpertFailure, PodFailure | null> = {
  [ExpertFailure.EXPERT_FAILURE_UNSPECIFIED]: null,
  [ExpertFailure.EXPERT_FAILURE_NOT_HELD]: 'not-held',
  [ExpertFailure.EXPERT_FAILURE_DEADLINE]: 'late',
  [ExpertFailure.EXPERT_FAILURE_BUSY]: 'busy',
  [ExpertFailure.EXPERT_FAILURE_INVALID]: 'invalid',
  [ExpertFailure.EXPERT_FAILURE_DRAINING]: 'draining',
  [ExpertFailure.UNRECOGNIZED]: 'invalid',
};

/**
 * The connection to one expert pod: follows what it says of itself, and carries calls over one stream while it does.
 * When either breaks, or nothing comes for too long, all its calls fail at once and it connects anew.
 */
export class PodLink implements ExpertPod {
  private state: State = { t: 'connecting' };
  private readonly client: RpcClient<typeof ExpertServiceDefinition>;
  private readonly pace = new PodPace();
  private readonly pending = new Map<bigint, Pending>();
  private readonly stopping = new AbortController();
  /** Of the connection that is, or is to be. */
  private attempt = new AbortController();
  private ids = 0n;
  private heardMs = 0;
  private silences = 0;
  private timer: NodeJS.Timeout | undefined;
  private readonly running: Promise<void>;

  constructor(
    readonly address: string,
    private readonly options: PodLinkOptions,
  ) {
    this.client = options.connect(address);
    this.running = this.follow();
  }

  /** Highest stage that it answers; −1 while it is not connected. */
  get stage(): number {
    return this.state.t === 'ready' ? this.state.about.heldStage : -1;
  }

  /** It says that it goes; until then it answers. */
  get draining(): boolean {
    return this.state.t === 'ready' && this.state.about.draining;
  }

  timeUs(pairs: number): number {
    return this.pace.timeUs(pairs, this.options.nowMs());
  }

  late(pairs: number, us: number): void {
    this.pace.saw(pairs, us, 0, this.options.nowMs());
  }

  run(ask: PodAsk): () => void {
    const { call, experts, offsets } = ask;
    const { hiddenSize, silenceMs, nowMs } = this.options;
    const id = ++this.ids;
    const pairs = experts.reduce((sum, at) => sum + (call.counts[at] as number), 0);
    this.pending.set(id, { ask, pairs, sentMs: nowMs() });
    this.pace.pairsInFlight += pairs;
    this.watchSilence();
    if (this.state.t === 'ready') {
      const deadlineUs = silenceMs * 1000;
      this.state.stream.send(callMessage(call, hiddenSize, { id, experts, offsets, deadlineUs }));
    } else queueMicrotask(() => this.fail(id, 'lost', 'not connected'));
    return () => {
      if (this.take(id) && this.state.t === 'ready') this.state.stream.send(cancelMessage(id));
    };
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.lost('it is not placed any more');
    this.client.close();
    await this.running;
  }

  private async follow(): Promise<void> {
    const { signal } = this.stopping;
    const { random } = this.options;
    const backoff = new Backoff(FIRST_BACKOFF_MS, LONGEST_BACKOFF_MS, random);
    while (!signal.aborted) {
      this.attempt = new AbortController();
      const silences = this.silences;
      try {
        const watching = AbortSignal.any([signal, this.attempt.signal]);
        for await (const about of this.client.watch(
          { intervalMs: WATCH_INTERVAL_MS },
          { signal: watching },
        )) {
          this.heard(about);
          backoff.reset();
        }
        this.lost('it ended its report');
      } catch (error) {
        this.lost(error instanceof Error ? error.message : String(error));
      }
      const penaltyMs = Math.min(FIRST_PENALTY_MS * 2 ** (this.silences - 1), LONGEST_PENALTY_MS);
      const waitMs = backoff.next();
      await pause(this.silences > silences ? penaltyMs * (0.5 + random()) : waitMs, signal);
    }
  }

  private heard(about: ExpertPodState): void {
    const { artifactDigest } = this.options;
    if (about.artifactDigest !== artifactDigest) {
      throw new Error(`it holds experts of ${about.artifactDigest.slice(0, 80)}, not of ${artifactDigest}`);
    }
    const before = this.stage;
    const wasDraining = this.draining;
    if (this.state.t === 'ready') this.state.about = about;
    else this.state = { t: 'ready', about, stream: this.open() };
    if (this.stage === before && this.draining === wasDraining) return;
    this.options.onChange(this.address, true, about.draining ? 'it is draining' : '');
  }

  private open(): OpenStream<RunExpertsRequest> {
    const { attempt } = this;
    this.heardMs = this.options.nowMs();
    return this.client.run(
      {
        message: (answer) => this.answer(answer),
        ended: (error) => {
          if (this.attempt === attempt) this.lost(error?.message ?? 'it ended the stream');
        },
      },
      { signal: AbortSignal.any([attempt.signal, this.stopping.signal]) },
    );
  }

  private answer(answer: RunExpertsResponse): void {
    const nowMs = this.options.nowMs();
    this.heardMs = nowMs;
    this.silences = 0;
    const pending = this.take(answer.id);
    // Cancelled, or late beyond its time.
    if (!pending) return;
    const { ask, pairs, sentMs } = pending;
    const failure = FAILURES[answer.failure];
    const bytes = pairs * this.options.hiddenSize * 4;
    if (failure !== null) ask.failed(failure, answer.message.slice(0, 500));
    else if (answer.outputs.byteLength !== bytes) {
      ask.failed('invalid', `outputs: ${answer.outputs.byteLength} bytes, ${bytes} were asked for`);
    } else {
      this.pace.saw(pairs, (nowMs - sentMs) * 1000, answer.computeUs, nowMs);
      ask.answered(answer);
    }
  }

  private take(id: bigint): Pending | undefined {
    const pending = this.pending.get(id);
    if (!pending) return undefined;
    this.pending.delete(id);
    this.pace.pairsInFlight -= pending.pairs;
    return pending;
  }

  private fail(id: bigint, failure: PodFailure, message: string): void {
    this.take(id)?.ask.failed(failure, message);
  }

  private lost(reason: string): void {
    const before = this.stage;
    this.state = { t: 'down' };
    this.attempt.abort();
    // Told first: nobody is to ask it again for what fails here.
    if (before >= 0) this.options.onChange(this.address, false, reason);
    for (const id of [...this.pending.keys()]) this.fail(id, 'lost', reason);
  }

  /** One timer for all calls: the first of them is the oldest. */
  private watchSilence(): void {
    if (this.timer !== undefined) return;
    const [oldest] = this.pending.values();
    if (!oldest) return;
    const { silenceMs, nowMs } = this.options;
    const leftMs = Math.max(1, oldest.sentMs + silenceMs - nowMs());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.checkSilence();
      this.watchSilence();
    }, leftMs);
  }

  private checkSilence(): void {
    const { silenceMs, nowMs } = this.options;
    for (const [id, { sentMs }] of this.pending) {
      if (nowMs() - sentMs < silenceMs) return;
      if (this.heardMs < sentMs) {
        this.silences++;
        this.lost(`it said nothing for ${silenceMs} ms`);
        return;
      }
      this.fail(id, 'late', `no answer within ${silenceMs} ms`);
    }
  }
}
