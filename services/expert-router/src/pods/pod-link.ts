import type { Endpoint } from '@zen/cluster';
import { ExpertServiceDefinition, type LayerExperts } from '@zen/contracts';
import { Backoff, pause } from '@zen/pause';
import { type ClientTls, client, type RpcClient } from '@zen/rpc';
import { type PodState, podState } from './pod-state';

/** What the router uses of a pod. */
export type PodClient = Pick<RpcClient<typeof ExpertServiceDefinition>, 'watch' | 'assign' | 'close'>;
export type ConnectPod = (address: string) => PodClient;

/** A pod that lost its power says nothing: its stream stands still until somebody looks. */
const LOOK = { keepAliveMs: 2000, keepAliveTimeoutMs: 2000 };
/** A pod with 1,024 layers of 4,096 experts says at most this about what it holds. */
const MAX_STATE_BYTES = 32 * 2 ** 20;
const WATCH_MS = 100;
const ASSIGN_TIMEOUT_MS = 10_000;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 2000;

export function podConnector(tls: ClientTls | undefined): ConnectPod {
  return (address) =>
    client(ExpertServiceDefinition, address, { tls, maxMessageBytes: MAX_STATE_BYTES, ...LOOK });
}

export interface LinkOptions {
  connect: ConnectPod;
  /** In [0, 1): spreads reconnects. */
  random: () => number;
  /** Milliseconds; any origin, never going back. */
  now: () => number;
  /** Something that the placement depends on has changed. */
  onChange(): void;
  /** Told of every change between up and down; `reason` says why it is down. */
  onState(address: string, up: boolean, reason: string): void;
}

/** The connection to one pod: follows what it says until the stream breaks, and starts over. */
export class PodLink {
  /** What it said last, also while it is down; null before it has said anything of use. */
  last: PodState | null = null;
  up = false;
  /** Whether it has been reached, or has failed to be. */
  tried = false;
  /** Since when it is down, by `now`. */
  downSince: number;
  /** Its source does not name it any more: it may be used until its stream ends. */
  leaving = false;
  readonly client: PodClient;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;

  constructor(
    readonly endpoint: Endpoint,
    private readonly options: LinkOptions,
  ) {
    this.downSince = options.now();
    this.client = options.connect(endpoint.address);
    this.running = this.follow();
  }

  get address(): string {
    return this.endpoint.address;
  }

  async assign(version: bigint, artifactDigest: string, layers: LayerExperts[]): Promise<void> {
    const { signal } = this.stopping;
    await this.client.assign({ version, artifactDigest, layers }, { signal, timeoutMs: ASSIGN_TIMEOUT_MS });
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
        for await (const message of this.client.watch({ intervalMs: WATCH_MS }, { signal })) {
          this.said(podState(message));
          backoff.reset();
        }
        this.down('it ended its stream');
      } catch (error) {
        this.down(error instanceof Error ? error.message : String(error));
      }
      await pause(backoff.next(), signal);
    }
  }

  private said(state: PodState | null): void {
    const wasUp = this.up;
    this.last = state;
    this.up = true;
    this.tried = true;
    if (!wasUp) this.options.onState(this.address, true, '');
    this.options.onChange();
  }

  private down(reason: string): void {
    const told = !this.tried || this.up;
    if (this.up) this.downSince = this.options.now();
    this.up = false;
    this.tried = true;
    if (this.stopping.signal.aborted) return;
    if (told) this.options.onState(this.address, false, reason);
    this.options.onChange();
  }
}
