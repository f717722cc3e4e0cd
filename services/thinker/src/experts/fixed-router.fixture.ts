import {
  descriptorSetPath,
  ExpertRouterServiceDefinition,
  ExpertServiceDefinition,
  Placement,
  type ReportLoadRequest,
  type ReportLoadResponse,
  type WatchPlacementRequest,
} from '@zen/contracts';
import { type CallContext, client, Rpc, RpcError, RpcServer } from '@zen/rpc';

const LAYERS = 2;
const EXPERTS = 4;

/** A pod that a test places experts on: the same ones in every layer. */
export interface Placeable {
  name: string;
  address: string;
}

let lastVersion = 0n;

/** Above those of all other routers, as pods want it. */
function nextVersion(): bigint {
  const now = BigInt(Date.now());
  lastVersion = now > lastVersion ? now : lastVersion + 1n;
  return lastVersion;
}

/** Speaks the expert-router's service and assigns real pods what the test says, nothing else. */
export class FixedRouter {
  address = '127.0.0.1:0';
  readonly reports: ReportLoadRequest[] = [];
  private server: RpcServer | undefined;
  private placement: Placement | null = null;
  private readonly waking = new Set<() => void>();

  constructor(private readonly artifactDigest: string) {}

  async start(): Promise<this> {
    this.server = await RpcServer.start([this], {
      listen: this.address,
      maxMessageBytes: 2 ** 20,
      maxConcurrentStreams: 100,
      translate: () => undefined,
      onError: (error) => process.stderr.write(`fixed router: ${error}\n`),
      descriptorSetPath,
    });
    this.address = this.server.address;
    return this;
  }

  /** As a crash: every connection breaks. */
  async stop(): Promise<void> {
    this.server?.cut();
    await this.server?.stop(0);
  }

  /** Assigns, waits until all of it is held whole, and publishes. */
  async place(holdings: readonly [Placeable, readonly number[]][]): Promise<void> {
    const version = nextVersion();
    await Promise.all(holdings.map(([pod, experts]) => this.assign(pod, experts, version)));
    const pods = holdings.map(([{ name, address }]) => ({ name, address, stage: 4 }));
    const experts = Array.from({ length: EXPERTS }, (_, expert) => ({
      pods: holdings.flatMap(([, held], index) => (held.includes(expert) ? [index] : [])),
    }));
    const layers = Array.from({ length: LAYERS }, (_, layer) => ({ layer, experts }));
    this.placement = Placement.fromPartial({ version, artifactDigest: this.artifactDigest, pods, layers });
    this.wake();
  }

  private wake(): void {
    for (const wake of this.waking) wake();
    this.waking.clear();
  }

  get placed(): bigint {
    return this.placement?.version ?? 0n;
  }

  @Rpc(ExpertRouterServiceDefinition, 'watchPlacement')
  async *watchPlacement(request: WatchPlacementRequest, { signal }: CallContext): AsyncGenerator<Placement> {
    if (request.artifactDigest !== this.artifactDigest) {
      throw new RpcError('FAILED_PRECONDITION', 'artifact_digest: another is placed');
    }
    let said: Placement | null = null;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    while (!signal.aborted) {
      if (this.placement && this.placement !== said) {
        said = this.placement;
        yield said;
        continue;
      }
      await new Promise<void>((resolve) => this.waking.add(resolve));
    }
  }

  @Rpc(ExpertRouterServiceDefinition, 'reportLoad')
  async reportLoad(request: ReportLoadRequest): Promise<ReportLoadResponse> {
    this.reports.push(request);
    return { intervalMs: 200 };
  }

  @Rpc(ExpertRouterServiceDefinition, 'describe')
  async describe(): Promise<never> {
    throw new RpcError('UNIMPLEMENTED', 'a fixed router has nothing to describe');
  }

  private async assign({ address }: Placeable, experts: readonly number[], version: bigint): Promise<void> {
    const rpc = client(ExpertServiceDefinition, address);
    const layers = Array.from({ length: LAYERS }, (_, layer) => ({ layer, experts: [...experts] }));
    // It may have begun just now.
    for await (const { artifactDigest } of rpc.watch({ intervalMs: 50 })) if (artifactDigest !== '') break;
    await rpc.assign({ version, artifactDigest: this.artifactDigest, layers });
    for await (const { heldVersion, heldStage } of rpc.watch({ intervalMs: 50 })) {
      if (heldVersion >= version && (heldStage === 4 || experts.length === 0)) break;
    }
    rpc.close();
  }
}
