import type { AssignExpertsRequest, ExpertPodState } from '@zen/contracts';
import type { ExpertConfig } from './config';
import { ExpertError } from './expert-error';
import { Holding, type HoldingEvents } from './holding/holding';
import { type OpenExperts, type OpenedExperts, openInTheEnd } from './holding/open-experts';
import { readAssignment } from './request/read-assignment';
import { type ReadCall, readCall } from './request/read-call';
import { CallRoom } from './running/call-room';
import { CallRunner } from './running/call-runner';
import type { CallEnd, RunningPod } from './running/run-stream';

export interface PodEvents extends HoldingEvents {
  /** The metadata is there: it can be assigned experts. */
  opened(opened: OpenedExperts): void;
  assigned(version: bigint, experts: number): void;
  call(end: CallEnd, pairs: number, computeUs: number, totalUs: number): void;
  callFailed(reason: string): void;
}

/** Microseconds since the process started; never goes back. */
const nowUs = (): number => performance.now() * 1000;

/** The pod: what it holds, what it computes, and what it says of both. Stateless: all of it comes by `assign`. */
export class Pod {
  readonly room: CallRoom;
  readonly running: RunningPod;
  holding: Holding | null = null;
  private opened: OpenedExperts | null = null;
  private runner: CallRunner | null = null;
  private calls = 0n;
  private pairs = 0n;
  /** Why the metadata does not come. */
  private fault = '';
  private readonly leaving = new AbortController();
  private readonly closing = new AbortController();

  constructor(
    private readonly config: ExpertConfig,
    private readonly open: OpenExperts,
    private readonly events: PodEvents,
  ) {
    this.room = new CallRoom({ calls: config.calls, bytes: config.callBytes });
    this.running = {
      start: (call, deadlineUs, done) => this.requireRunner().start(call, deadlineUs, done),
      room: this.room,
      read: (request) => {
        const { model } = this.require().ladder.config;
        const limits = {
          layers: model.layers,
          experts: model.experts!.count,
          hiddenSize: model.hiddenSize,
          answerBytes: config.callBytes,
        };
        return readCall(request, limits);
      },
      closing: this.closing.signal,
      nowUs,
      ended: (end, pairs, computeUs, totalUs) => {
        this.calls += 1n;
        this.pairs += BigInt(pairs);
        events.call(end, pairs, computeUs, totalUs);
      },
      failed: (reason) => events.callFailed(reason),
    };
  }

  /** Whether it can be assigned experts. */
  get ready(): boolean {
    return this.holding !== null && !this.leaving.signal.aborted;
  }

  /** Aborted once it says that it goes; it goes on answering whoever asks all the same. */
  get draining(): AbortSignal {
    return this.leaving.signal;
  }

  get download() {
    return this.opened?.ladder ?? null;
  }

  stats() {
    return this.opened?.engine.stats() ?? { held: 0, mappedBytes: 0, mergedBytes: 0 };
  }

  /** Opens the ladder's metadata, and holds what is assigned until `signal`. Rejects where it can never hold anything. */
  async run(signal: AbortSignal): Promise<void> {
    const opened = await openInTheEnd(this.open, signal, (error) => {
      this.fault = error.message;
      this.events.failed('metadata', error);
    });
    if (!opened) return;
    this.fault = '';
    this.opened = opened;
    const { stage, dropMs, scrubRate } = this.config;
    const holding = new Holding(opened.ladder, opened.engine, { stage, dropMs, scrubRate }, this.events);
    this.holding = holding;
    const missing = (call: ReadCall) => missingExpert(holding, call);
    this.runner = new CallRunner(opened.engine, missing, { answerBytes: this.config.callBytes }, nowUs);
    this.events.opened(opened);
    await holding.run(signal);
  }

  assign(request: AssignExpertsRequest): void {
    const { ladder } = this.require();
    const { experts } = this.holding!;
    if (request.artifactDigest !== ladder.digest) {
      throw new ExpertError(
        'other-artifact',
        `artifact_digest: must be ${ladder.digest}, as this pod's ladder`,
      );
    }
    const { version } = request;
    if (version < experts.assignedVersion) {
      throw new ExpertError('old-version', `version: ${version} is older than ${experts.assignedVersion}`);
    }
    const limits = { layers: experts.layers, experts: experts.experts, perLayer: this.config.perLayer };
    const assigned = readAssignment(request, limits);
    if (version === experts.assignedVersion && !experts.sameAs(assigned)) {
      throw new ExpertError('old-version', `version: ${version} has given this pod other experts`);
    }
    const same = experts.sameAs(assigned);
    this.holding!.assign(version, assigned);
    if (!same)
      this.events.assigned(
        version,
        assigned.reduce((sum, flag) => sum + flag, 0),
      );
  }

  state(): ExpertPodState {
    const { config, holding, opened } = this;
    const { mappedBytes, mergedBytes } = this.stats();
    return {
      pod: config.pod,
      artifactDigest: opened?.ladder.digest ?? '',
      layers: holding?.experts.layers ?? 0,
      experts: holding?.experts.experts ?? 0,
      expertsPerLayer: config.perLayer,
      assignedVersion: holding?.experts.assignedVersion ?? 0n,
      heldVersion: holding?.experts.heldVersion ?? 0n,
      held: holding?.experts.held() ?? [],
      heldStage: Math.max(0, holding?.experts.level ?? 0),
      draining: this.leaving.signal.aborted,
      reason: holding?.reason || opened?.ladder.progress().trouble || this.fault,
      bytesHeld: BigInt(mappedBytes + mergedBytes),
      calls: this.calls,
      pairs: this.pairs,
      callsInFlight: this.room.calls,
    };
  }

  drain(): void {
    this.leaving.abort();
  }

  /** Takes no new call; streams end when what runs has been answered. */
  close(): void {
    this.closing.abort();
  }

  /** Only after `run` has ended and no call runs. */
  async release(): Promise<void> {
    this.opened?.engine.close();
    await this.opened?.ladder.close();
  }

  private require(): OpenedExperts {
    if (this.opened) return this.opened;
    throw new ExpertError(
      'not-ready',
      `the ladder is not known yet: ${this.fault || 'its metadata is on its way'}`,
    );
  }

  private requireRunner(): CallRunner {
    this.require();
    return this.runner!;
  }
}

/** Which expert of a call this pod does not have at the call's stage. */
function missingExpert({ experts }: Holding, { rows }: ReadCall): string | null {
  for (const expert of rows.experts) {
    const stage = experts.stageOf(rows.layer, expert);
    if (stage < rows.stage) {
      const has = stage < 0 ? 'not held' : `held at stage ${stage}`;
      return `experts: layer ${rows.layer}, expert ${expert} is ${has}, asked for ${rows.stage}`;
    }
  }
  return null;
}
