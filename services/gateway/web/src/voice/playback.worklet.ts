import { fromPcm16 } from './pcm';
import { PlayQueue, type Position } from './play-queue';

/** To the audio thread. */
export type PlaybackOrder = { t: 'push'; itemId: string; pcm: Int16Array<ArrayBuffer> } | { t: 'flush' };
/** And back. */
export type PlaybackReport = { t: 'played'; position: Position } | { t: 'flushed'; cut: Position[] };

/** Blocks of 128 samples between two reports, 43 ms at 24 kHz. */
const REPORT_EVERY = 8;

class Playback extends AudioWorkletProcessor {
  private readonly queue = new PlayQueue();
  private blocks = 0;
  private told = '';

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<PlaybackOrder>) => {
      if (data.t === 'push') this.queue.push(data.itemId, fromPcm16(data.pcm));
      else this.report({ t: 'flushed', cut: this.queue.flush() });
    };
  }

  process(_: Float32Array[][], [output]: Float32Array[][]): boolean {
    const [first, ...others] = output ?? [];
    if (!first) return true;
    this.queue.fill(first);
    for (const channel of others) channel.set(first);
    if (++this.blocks % REPORT_EVERY === 0 || this.queue.idle) this.tell();
    return true;
  }

  private tell(): void {
    const position = this.queue.played;
    const now = `${position?.itemId} ${position?.samples}`;
    if (!position || now === this.told) return;
    this.told = now;
    this.report({ t: 'played', position: { ...position } });
  }

  private report(report: PlaybackReport): void {
    this.port.postMessage(report);
  }
}

registerProcessor('zen-playback', Playback);
