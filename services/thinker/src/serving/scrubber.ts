import { CHUNK_BYTES } from '@zen/ladder';
import { pause } from './pause';
import type { StageFile } from './stage-file';

/** Looks at the attached stages over and over, a chunk at a time, for bytes that have changed on the disk. */
export class Scrubber {
  /** Chunks looked at since the start. */
  checked = 0;

  constructor(
    private readonly options: {
      /** Bytes read in a second at most; 0: none at all. */
      bytesPerSecond: number;
      /** The attached stages now, lowest first. */
      files(): readonly StageFile[];
      /** A chunk does not have its bytes. */
      found(file: StageFile): void;
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

  private async pass(file: StageFile, restMs: number, signal: AbortSignal): Promise<void> {
    const attached = () => this.options.files().includes(file) && !signal.aborted;
    for (const chunk of file.layer.chunks.keys()) {
      if (!attached()) return;
      const started = performance.now();
      const good = await file.isGood(chunk).catch((error: unknown) => {
        // Dropped and closed meanwhile.
        if (!attached()) return true;
        throw error;
      });
      this.checked++;
      if (!good && attached()) {
        this.options.found(file);
        return;
      }
      await pause(restMs - (performance.now() - started), signal);
    }
  }
}
