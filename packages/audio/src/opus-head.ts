import { AudioError } from './audio-error';
import { checkChannels } from './audio-format';

/** What Opus counts in, whatever it was made from, hertz. */
export const OPUS_RATE = 48_000;
/** Longest packet, samples: 120 ms. */
export const MOST_PACKET_SAMPLES = 5760;
/** Longest packet that is taken; six frames of the largest size. */
export const MOST_PACKET_BYTES = 6 * 1275 + 16;

export interface OpusHead {
  channels: number;
  /** Samples at the beginning that are not of the sound. */
  preSkip: number;
  /** What samples are multiplied with. */
  gain: number;
}

/** @throws AudioError */
export function parseOpusHead(packet: Uint8Array): OpusHead {
  if (Buffer.from(packet.subarray(0, 8)).toString('latin1') !== 'OpusHead') {
    throw new AudioError('unsupported', 'ogg: not Opus');
  }
  if (packet.length < 19) throw new AudioError('malformed', `opus.head: ${packet.length} bytes, at least 19`);
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const version = view.getUint8(8);
  if (version >> 4 !== 0) throw new AudioError('unsupported', `opus.head.version: ${version}, below 16`);
  const channels = view.getUint8(9);
  checkChannels('opus.head.channels', channels);
  const family = view.getUint8(18);
  if (family > 1) throw new AudioError('unsupported', `opus.head.mapping_family: ${family}, 0 or 1`);
  const gain = 10 ** (view.getInt16(16, true) / 256 / 20);
  return { channels, preSkip: view.getUint16(10, true), gain };
}

/** Frames of a packet are as long as its first byte says, by the upper five bits, samples. */
function frameSamples(configuration: number): number {
  if (configuration < 12) return [480, 960, 1920, 2880][configuration & 3] as number;
  if (configuration < 16) return [480, 960][configuration & 1] as number;
  return [120, 240, 480, 960][configuration & 3] as number;
}

/**
 * Samples that a packet stands for.
 * @throws AudioError malformed
 */
export function packetSamples(packet: Uint8Array): number {
  const [first, second] = packet;
  if (first === undefined) throw new AudioError('malformed', 'opus: an empty packet');
  const code = first & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (second ?? 0) & 63;
  const samples = frames * frameSamples(first >> 3);
  if (samples > 0 && samples <= MOST_PACKET_SAMPLES) return samples;
  throw new AudioError('malformed', `opus: a packet of ${samples} samples, up to ${MOST_PACKET_SAMPLES}`);
}
