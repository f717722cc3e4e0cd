import type { RealtimeAudioFormats } from 'openai/resources/realtime/realtime';

/** Audio in events: `pcm` is 24 kHz mono signed 16-bit little-endian, the others are G.711 at 8 kHz. */
export type AudioCodec = 'pcm' | 'pcmu' | 'pcma';

export const SAMPLE_RATE: Readonly<Record<AudioCodec, number>> = { pcm: 24_000, pcmu: 8000, pcma: 8000 };
const BYTES_PER_SAMPLE: Readonly<Record<AudioCodec, number>> = { pcm: 2, pcmu: 1, pcma: 1 };

export function codecOf(format: RealtimeAudioFormats): AudioCodec {
  return format.type === 'audio/pcmu' ? 'pcmu' : format.type === 'audio/pcma' ? 'pcma' : 'pcm';
}

export function formatOf(codec: AudioCodec): RealtimeAudioFormats {
  return codec === 'pcm' ? { type: 'audio/pcm', rate: 24000 } : { type: `audio/${codec}` };
}

/** Milliseconds that so many bytes last. */
export function durationMs(bytes: number, codec: AudioCodec): number {
  return (bytes / BYTES_PER_SAMPLE[codec] / SAMPLE_RATE[codec]) * 1000;
}

/** Bytes that base64 stands for. */
export function decodedLength(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return Math.floor((base64.length * 3) / 4) - padding;
}
