import { Downsampler } from './downsampler';
import { toPcm16, WIRE_RATE } from './pcm';

/** 20 ms. */
const CHUNK = WIRE_RATE / 50;

/** Posts what the microphone hears as Int16Arrays of 20 ms at the wire's rate. */
class Capture extends AudioWorkletProcessor {
  private readonly sampler = new Downsampler(sampleRate, WIRE_RATE);
  private chunk = new Float32Array(CHUNK);
  private filled = 0;

  process([input]: Float32Array[][]): boolean {
    const channel = input?.[0];
    if (!channel) return true;
    for (const sample of this.sampler.push(channel)) {
      this.chunk[this.filled++] = sample;
      if (this.filled < CHUNK) continue;
      const pcm = toPcm16(this.chunk);
      this.port.postMessage(pcm, [pcm.buffer]);
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor('zen-capture', Capture);
