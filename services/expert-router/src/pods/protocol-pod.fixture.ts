import {
  type AssignExpertsRequest,
  type AssignExpertsResponse,
  descriptorSetPath,
  ExpertFailure,
  type ExpertPodState,
  ExpertServiceDefinition,
  type RunExpertsRequest,
  type RunExpertsResponse,
  type WatchExpertsRequest,
} from '@zen/contracts';
import { type CallContext, Rpc, RpcError, RpcServer, type ServerTls } from '@zen/rpc';

export const DIGEST = `sha256:${'ab'.repeat(32)}`;

export interface PodShape {
  name: string;
  layers: number;
  experts: number;
  capacity: number;
  digest?: string;
}

/**
 * What the router sees of an expert pod, over a real wire and with its rules: versions rise, the whole set replaces
 * the one before, what is new is held a while later. It has no experts.
 */
export class ProtocolPod {
  address = '127.0.0.1:0';
  assignedVersion = 0n;
  heldVersion = 0n;
  /** [layers] */
  held: Set<number>[];
  draining = false;
  /** Everything that it was told, oldest first. */
  readonly told: AssignExpertsRequest[] = [];
  /** False: what it is told is not held before `hold` is called. */
  holdsAtOnce = true;
  /** Told of every assignment before it has any effect. */
  onAssign: (request: AssignExpertsRequest) => void = () => {};
  private server: RpcServer | undefined;
  private readonly waking = new Set<() => void>();

  constructor(
    readonly shape: PodShape,
    private readonly tls?: ServerTls,
  ) {
    this.held = this.nothing();
  }

  async start(): Promise<this> {
    this.server = await RpcServer.start([this], {
      listen: this.address,
      maxMessageBytes: 2 ** 20,
      maxConcurrentStreams: 100,
      translate: () => undefined,
      onError: (error) => console.error(error),
      descriptorSetPath,
      tls: this.tls,
    });
    this.address = this.server.address;
    return this;
  }

  /** As a crash: connections break, and what it held is gone. */
  async kill(): Promise<void> {
    this.server?.cut();
    await this.server?.stop(0);
    this.held = this.nothing();
    this.assignedVersion = 0n;
    this.heldVersion = 0n;
  }

  /** Holds what it was told last. */
  hold(): void {
    const last = this.told.at(-1);
    if (!last) return;
    this.held = this.nothing();
    for (const { layer, experts } of last.layers) this.held[layer] = new Set(experts);
    this.heldVersion = last.version;
    this.changed();
  }

  changed(): void {
    for (const wake of [...this.waking]) wake();
  }

  holds(layer: number): number[] {
    return [...this.held[layer]!].sort((a, b) => a - b);
  }

  @Rpc(ExpertServiceDefinition, 'run')
  async *run(requests: AsyncIterable<RunExpertsRequest>): AsyncGenerator<RunExpertsResponse> {
    for await (const { id } of requests) {
      const failure = ExpertFailure.EXPERT_FAILURE_NOT_HELD;
      yield { id, failure, message: '', outputs: Buffer.of(), computeUs: 0, totalUs: 0 };
    }
  }

  @Rpc(ExpertServiceDefinition, 'assign')
  async assign(request: AssignExpertsRequest): Promise<AssignExpertsResponse> {
    if (request.version < this.assignedVersion) {
      throw new RpcError('FAILED_PRECONDITION', `version: ${this.assignedVersion} was assigned already`);
    }
    if (request.artifactDigest !== this.digest) {
      throw new RpcError('FAILED_PRECONDITION', 'artifact_digest: not the one of this pod');
    }
    if (request.layers.some(({ experts }) => experts.length > this.shape.capacity)) {
      throw new RpcError('INVALID_ARGUMENT', `layers.experts: at most ${this.shape.capacity} of a layer`);
    }
    this.onAssign(request);
    this.told.push(request);
    this.assignedVersion = request.version;
    // What goes, goes at once.
    for (const [layer, held] of this.held.entries()) {
      const kept = new Set(request.layers[layer]?.experts);
      this.held[layer] = new Set([...held].filter((expert) => kept.has(expert)));
    }
    if (this.holdsAtOnce) this.hold();
    this.changed();
    return {};
  }

  @Rpc(ExpertServiceDefinition, 'watch')
  async *watch(_: WatchExpertsRequest, { signal }: CallContext): AsyncGenerator<ExpertPodState> {
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => {
        const wake = () => {
          this.waking.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.waking.add(wake);
        signal.addEventListener('abort', wake, { once: true });
      });
      yield this.state();
      await changed;
    }
  }

  private get digest(): string {
    return this.shape.digest ?? DIGEST;
  }

  private state(): ExpertPodState {
    const { name, layers, experts, capacity } = this.shape;
    return {
      pod: name,
      artifactDigest: this.digest,
      layers,
      experts,
      expertsPerLayer: capacity,
      assignedVersion: this.assignedVersion,
      heldVersion: this.heldVersion,
      held: this.held.map((held, layer) => ({ layer, experts: [...held].sort((a, b) => a - b) })),
      heldStage: 4,
      draining: this.draining,
      reason: '',
      bytesHeld: 0n,
      calls: 0n,
      pairs: 0n,
      callsInFlight: 0,
    };
  }

  private nothing(): Set<number>[] {
    return Array.from({ length: this.shape.layers }, () => new Set<number>());
  }
}
