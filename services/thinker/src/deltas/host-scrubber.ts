import { pause } from '@zen/pause';
import type { DeltaCopy } from './incoming-delta';

/** Looks at the copies in memory over and over for bytes that have changed; hashing leaves the event loop free. */
export class HostScrubber {
  /** Copies looked at since the start. */
  checked = 0;

  constructor(
    private readonly options: {
      /** Bytes hashed in a second at most; 0: none at all. */
      bytesPerSecond: number;
      copies(): readonly DeltaCopy[];
      /** Whether the copy is still one of those. */
      holds(copy: DeltaCopy): boolean;
      /** A copy does not have its bytes. */
      found(copy: DeltaCopy): void;
    },
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    const { bytesPerSecond, copies, holds, found } = this.options;
    if (bytesPerSecond === 0) return;
    while (!signal.aborted) {
      const round = copies();
      for (const copy of round) {
        if (signal.aborted) return;
        if (!holds(copy)) continue;
        const started = performance.now();
        const good = await isGood(copy);
        this.checked++;
        if (!good && holds(copy)) found(copy);
        const restMs = (copy.data.length / bytesPerSecond) * 1000;
        await pause(restMs - (performance.now() - started), signal);
      }
      if (round.length === 0) await pause(IDLE_MS, signal);
    }
  }
}

const IDLE_MS = 100;

async function isGood({ data, manifest }: DeltaCopy): Promise<boolean> {
  const hash = await crypto.subtle.digest('SHA-256', data as Uint8Array<ArrayBuffer>);
  return Buffer.from(hash).toString('hex') === manifest.data.sha256;
}
