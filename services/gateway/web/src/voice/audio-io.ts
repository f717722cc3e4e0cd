import captureUrl from './capture.worklet.ts?worker&url';
import { WIRE_RATE } from './pcm';
import type { Position } from './play-queue';
import type { PlaybackOrder, PlaybackReport } from './playback.worklet';
import playbackUrl from './playback.worklet.ts?worker&url';
import { INSECURE, microphoneProblem } from './voice-problem';

export interface AudioEvents {
  /** 20 ms. */
  onCaptured(pcm: Int16Array): void;
  onPlayed(position: Position): void;
  onFlushed(cut: Position[]): void;
  /** The microphone is gone. */
  onLost(): void;
}

/** Microphone and loudspeaker. Sound is mono at the wire's rate; positions are of what has left the loudspeaker. */
export class AudioIo {
  private constructor(
    private readonly stream: MediaStream,
    /** At the device's own rate: not every browser reads a microphone at another one. */
    private readonly input: AudioContext,
    private readonly output: AudioContext,
    private readonly playback: AudioWorkletNode,
  ) {}

  /** Asks the person for the microphone. Throws a VoiceProblem. Called while they click: browsers want that for sound. */
  static async open(events: AudioEvents): Promise<AudioIo> {
    if (!navigator.mediaDevices) throw INSECURE;
    const output = new AudioContext({ sampleRate: WIRE_RATE, latencyHint: 'interactive' });
    let stream: MediaStream;
    try {
      const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
      stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    } catch (error) {
      void output.close();
      throw microphoneProblem(error);
    }
    const input = new AudioContext({ latencyHint: 'interactive' });
    await Promise.all([input.audioWorklet.addModule(captureUrl), output.audioWorklet.addModule(playbackUrl)]);
    await Promise.all([input.resume(), output.resume()]);
    const playback = new AudioWorkletNode(output, 'zen-playback', {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    playback.connect(output.destination);
    const io = new AudioIo(stream, input, output, playback);
    io.listen(events);
    return io;
  }

  play(itemId: string, pcm: Int16Array<ArrayBuffer>): void {
    this.order({ t: 'push', itemId, pcm });
  }

  /** Silence at once; `onFlushed` says where. */
  flush(): void {
    this.order({ t: 'flush' });
  }

  close(): void {
    for (const track of this.stream.getTracks()) track.stop();
    void this.input.close();
    void this.output.close();
  }

  private listen({ onCaptured, onPlayed, onFlushed, onLost }: AudioEvents): void {
    const source = this.input.createMediaStreamSource(this.stream);
    const capture = new AudioWorkletNode(this.input, 'zen-capture', {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: 'explicit',
    });
    source.connect(capture);
    capture.port.onmessage = ({ data }: MessageEvent<Int16Array>) => onCaptured(data);
    this.playback.port.onmessage = ({ data }: MessageEvent<PlaybackReport>) => {
      if (data.t === 'played') onPlayed(this.heard(data.position));
      else onFlushed(data.cut.map((position) => this.heard(position)));
    };
    for (const track of this.stream.getTracks()) track.addEventListener('ended', onLost);
  }

  /** What the system has been given is heard a little later. */
  private heard({ itemId, samples }: Position): Position {
    const delay = Math.round((this.output.outputLatency || 0) * WIRE_RATE);
    return { itemId, samples: Math.max(0, samples - delay) };
  }

  private order(order: PlaybackOrder): void {
    this.playback.port.postMessage(order, order.t === 'push' ? [order.pcm.buffer] : []);
  }
}
