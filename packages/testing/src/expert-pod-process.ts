import {
  type ExpertPodState,
  ExpertServiceDefinition,
  type LayerExperts,
  type RunExpertsRequest,
  type RunExpertsResponse,
} from '@zen/contracts';
import { client, type OpenStream, type RpcClient } from '@zen/rpc';
import { type ServiceProcess, startService } from './service-process';

/** A real expert pod in a process of its own, and its client. */
export class ExpertPodProcess {
  /** `host:port`; kept over restarts. */
  address = '127.0.0.1:0';
  /** `host:port` of /metrics. */
  probeAddress = '';
  private process: ServiceProcess | undefined;
  private connection: RpcClient<typeof ExpertServiceDefinition> | undefined;

  private constructor(private readonly env: Readonly<Record<string, string>>) {}

  /** `env` names at least ZEN_LADDER and ZEN_EXPERTS_PER_LAYER. */
  static async start(env: Readonly<Record<string, string>>): Promise<ExpertPodProcess> {
    const pod = new ExpertPodProcess(env);
    await pod.start();
    return pod;
  }

  get client(): RpcClient<typeof ExpertServiceDefinition> {
    this.connection ??= client(ExpertServiceDefinition, this.address);
    return this.connection;
  }

  /** Starts it, or starts it again where it was; resolves when it listens. */
  async start(): Promise<void> {
    this.process = await startService('expert', {
      ZEN_LISTEN: this.address,
      ZEN_PROBE_LISTEN: '127.0.0.1:0',
      ZEN_THREADS: '1',
      ...this.env,
    });
    this.address = this.process.address;
    this.probeAddress = this.process.probeAddress;
  }

  /** The first state of its watch that is as asked for; a pod that is not there yet is waited for. */
  async until(is: (state: ExpertPodState) => boolean): Promise<ExpertPodState> {
    for (;;) {
      try {
        for await (const state of this.client.watch({ intervalMs: 50 })) if (is(state)) return state;
      } catch (error) {
        if ((error as { code?: string }).code !== 'UNAVAILABLE') throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Tells it what to hold, once it knows its ladder. */
  async assign(version: bigint, layers: LayerExperts[]): Promise<void> {
    const { artifactDigest } = await this.until((state) => state.artifactDigest !== '');
    await this.client.assign({ version, artifactDigest, layers });
  }

  /** The same, and waits until all of it is held. */
  async hold(version: bigint, layers: LayerExperts[]): Promise<ExpertPodState> {
    await this.assign(version, layers);
    return this.until(({ heldVersion }) => heldVersion === version);
  }

  open(): ExpertCalls {
    return new ExpertCalls(this.client);
  }

  /** Ends the process. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    return this.process?.end(signal) ?? 0;
  }

  async remove(): Promise<void> {
    this.connection?.close();
    await this.end('SIGKILL');
  }
}

/** One Run stream, whose answers find their calls. */
export class ExpertCalls {
  readonly stream: OpenStream<RunExpertsRequest>;
  /** Resolves with why the stream is over; null where the pod has ended it well. */
  readonly over: Promise<unknown>;
  private readonly waiting = new Map<
    bigint,
    { resolve(response: RunExpertsResponse): void; reject(error: unknown): void }
  >();
  private lastId = 0n;

  constructor(pod: RpcClient<typeof ExpertServiceDefinition>) {
    let ended: (error: unknown) => void;
    this.over = new Promise((resolve) => {
      ended = resolve;
    });
    this.stream = pod.run({
      message: (response) => {
        this.waiting.get(response.id)?.resolve(response);
        this.waiting.delete(response.id);
      },
      ended: (error) => {
        for (const { reject } of this.waiting.values()) reject(error ?? new Error('the stream has ended'));
        this.waiting.clear();
        ended(error);
      },
    });
  }

  /** The call's answer; rejects where the stream ends first. */
  run(call: Omit<RunExpertsRequest, 'id' | 'cancel'>): Promise<RunExpertsResponse> & { id: bigint } {
    this.lastId += 1n;
    const id = this.lastId;
    const answer = new Promise<RunExpertsResponse>((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
    });
    this.stream.send({ ...call, id, cancel: false });
    return Object.assign(answer, { id });
  }
}
