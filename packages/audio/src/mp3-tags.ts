/** Bytes before the size of an ID3v2 tag is known. */
export const ID3_HEAD_BYTES = 10;
const ID3V1_BYTES = 128;

/** Bytes of an ID3v2 tag that begins here, its head included; 0 where none does. */
export function id3v2Bytes(head: Uint8Array): number {
  if (text(head, 0, 3) !== 'ID3') return 0;
  const [, , , , , flags = 0, a = 0, b = 0, c = 0, d = 0] = head;
  const footer = flags & 0x10 ? ID3_HEAD_BYTES : 0;
  // Seven bits in each byte.
  return ID3_HEAD_BYTES + (((a & 127) << 21) | ((b & 127) << 14) | ((c & 127) << 7) | (d & 127)) + footer;
}

/** Without the ID3v1 tag at its end. */
export function withoutId3v1(end: Uint8Array): Uint8Array {
  const at = end.length - ID3V1_BYTES;
  return at >= 0 && text(end, at, 3) === 'TAG' ? end.subarray(0, at) : end;
}

/** A first frame without sound, which says what the encoder added around the sound. */
export interface InfoFrame {
  /** Samples before the first and after the last; null where it does not say. */
  padding: { before: number; after: number } | null;
}

/** What the decoder itself puts before the sound. */
const DECODER_DELAY = 529;

/** The frame's Xing, Info or VBRI header; undefined for a frame of sound. */
export function infoOf(frame: Uint8Array): InfoFrame | undefined {
  if (text(frame, 36, 4) === 'VBRI') return { padding: null };
  const [, version = 0, , mode = 0] = frame;
  const isFirstVersion = (version & 0x18) === 0x18;
  const isMono = mode >> 6 === 3;
  const at = 4 + (isFirstVersion ? (isMono ? 17 : 32) : isMono ? 9 : 17);
  const name = text(frame, at, 4);
  if (name !== 'Xing' && name !== 'Info') return undefined;
  const flags = frame[at + 7] ?? 0;
  const lame =
    at + 8 + (flags & 1 ? 4 : 0) + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0);
  if (!/^(LAME|Lavc|Lavf)/.test(text(frame, lame, 4))) return { padding: null };
  const [a = 0, b = 0, c = 0] = frame.subarray(lame + 21, lame + 24);
  const before = ((a << 4) | (b >> 4)) + DECODER_DELAY;
  return { padding: { before, after: Math.max(0, (((b & 15) << 8) | c) - DECODER_DELAY) } };
}

function text(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.subarray(at, at + length)).toString('latin1');
}
