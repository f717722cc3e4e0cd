/** Samples a second of all sound that goes over the wire, mono, signed 16 bits, little-endian. */
export const WIRE_RATE = 24_000;

/** Samples of -1 to 1, clipped. */
export function toPcm16(samples: Float32Array): Int16Array<ArrayBuffer> {
  return Int16Array.from(samples, (sample) => {
    const bounded = Math.min(1, Math.max(-1, sample));
    return Math.round(bounded < 0 ? bounded * 32_768 : bounded * 32_767);
  });
}

export function fromPcm16(pcm: Int16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(pcm, (sample) => sample / 32_768);
}

export function pcmToBase64(pcm: Int16Array): string {
  const bytes = new Uint8Array(pcm.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < pcm.length; i++) view.setInt16(i * 2, pcm[i] as number, true);
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Half a sample at the end is dropped. Throws for what is no base64. */
export function pcmFromBase64(text: string): Int16Array<ArrayBuffer> {
  const binary = atob(text);
  return Int16Array.from({ length: binary.length >> 1 }, (_, i) => {
    const value = binary.charCodeAt(2 * i) | (binary.charCodeAt(2 * i + 1) << 8);
    return value >= 0x8000 ? value - 0x10000 : value;
  });
}

/** Loudness of 0 to 1 as ears grade it: -60 dB of full scale and less is 0. */
export function levelOf(pcm: Int16Array): number {
  let sum = 0;
  for (const sample of pcm) sum += (sample / 32_768) ** 2;
  const rms = Math.sqrt(sum / Math.max(1, pcm.length));
  return rms === 0 ? 0 : Math.min(1, Math.max(0, 1 + (20 * Math.log10(rms)) / 60));
}
