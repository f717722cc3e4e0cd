import { randomUUID } from 'node:crypto';
import type { ExpertRouterServiceDefinition } from '@zen/contracts';
import type { RpcClient } from '@zen/rpc';

const TIMEOUT_MS = 5000;
const FIRST_INTERVAL_MS = 2000;
const SHORTEST_MS = 100;
const LONGEST_MS = 60_000;
const LARGEST_SPAN_MS = 3_600_000;
const LARGEST_COUNT = 2 ** 32 - 1;

/** Tells the router which experts were chosen how often; what it could not be told is told with the next report. */
export class LoadReports {
  private readonly thinker = randomUUID();
  private readonly tokens: number[];
  private sinceMs: number;
  private intervalMs = FIRST_INTERVAL_MS;
  private dueMs: number;
  private sending = false;

  constructor(
    private readonly router: Pick<RpcClient<typeof ExpertRouterServiceDefinition>, 'reportLoad'>,
    private readonly artifactDigest: string,
    pairs: number,
    private readonly nowMs: () => number,
  ) {
    this.tokens = new Array<number>(pairs).fill(0);
    this.sinceMs = nowMs();
    this.dueMs = this.sinceMs + this.intervalMs;
  }

  add(load: Uint32Array): void {
    load.forEach((rows, pair) => {
      if (rows > 0) this.tokens[pair] = Math.min(LARGEST_COUNT, (this.tokens[pair] as number) + rows);
    });
  }

  /** Reports where it is time to. Never rejects: a router that is away hears of it later. */
  async tell(signal: AbortSignal): Promise<void> {
    const startedMs = this.nowMs();
    if (this.sending || startedMs < this.dueMs) return;
    this.sending = true;
    const tokens = [...this.tokens];
    const spanMs = Math.min(LARGEST_SPAN_MS, Math.max(1, Math.round(startedMs - this.sinceMs)));
    const { thinker, artifactDigest } = this;
    const report = { thinker, artifactDigest, intervalMs: spanMs, tokens };
    try {
      const { intervalMs } = await this.router.reportLoad(report, { signal, timeoutMs: TIMEOUT_MS });
      tokens.forEach((told, pair) => {
        this.tokens[pair] = (this.tokens[pair] as number) - told;
      });
      this.sinceMs = startedMs;
      this.intervalMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, intervalMs || FIRST_INTERVAL_MS));
    } catch {
      // The watch says that the router is away; the counts stay here.
    } finally {
      this.dueMs = this.nowMs() + this.intervalMs;
      this.sending = false;
    }
  }
}
