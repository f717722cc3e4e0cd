import { CHUNK_BYTES } from '@zen/ladder';
import { pause } from '@zen/pause';
import type { MappedStage } from './mapped-stage';

/** Looks at the attached stages over and over, a chunk at a time, for bytes that have changed on the disk. */
export class Scrubber {
  /** Chunks looked at since the start. */
  checked = 0;

  constructor(
    private readonly options: {
      /** Bytes read in a second at most; 0: none at all. */
      bytesPerSecond: number;
      /** The attached stages now, lowest first. */
      files(): readonly MappedStage[];
      /** A chunk does not have its bytes. */
      found(file: MappedStage, chunk: number): void;
    },
  ) {}

  async run(signal: AbortSignal): Promise<void> {
    const { bytesPerSecond, files } = this.options;
    if (bytesPerSecond === 0) return;
    const restMs = (CHUNK_BYTES / bytesPerSecond) * 1000;
    while (!signal.aborted) {
      const before = this.checked;
      for (const file of files()) await this.pass(file, restMs, signal);
      // Nothing is attached yet, or nothing has bytes.
      if (this.checked === before) await pause(Math.max(restMs, 100), signal);
    }
  }

  private async pass(file: MappedStage, restMs: number, signal: AbortSignal): Promise<void> {
    const attached = () => this.options.files().includes(file) && !signal.aborted;
    for (const chunk of file.chunks) {
      if (!attached()) return;
      const started = performance.now();
      const good = await file.isGood(chunk).catch((error: unknown) => {
        // Dropped and closed meanwhile.
        if (!attached()) return true;
        throw error;
      });
      this.checked++;
      if (!good && attached()) {
        this.options.found(file, chunk);
        return;
      }
      await pause(restMs - (performance.now() - started), signal);
    }
  }
}
