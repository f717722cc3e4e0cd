/**
 * The byte-level alphabet of GPT-2: printable bytes stand for themselves, the other 68 for U+0100 and
 * upwards, so that any bytes can be written as text without spaces or control characters.
 */
const PRINTABLE: readonly (readonly [number, number])[] = [
  [0x21, 0x7e],
  [0xa1, 0xac],
  [0xae, 0xff],
];

/** Character of each byte. */
export const BYTE_CHARS: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(PRINTABLE.some(([from, to]) => byte >= from && byte <= to) ? byte : next++),
  );
})();

/** Byte of each character's code, or -1. */
const CHAR_BYTES = (() => {
  const bytes = new Int16Array(0x144).fill(-1);
  BYTE_CHARS.forEach((char, byte) => {
    bytes[char.charCodeAt(0)] = byte;
  });
  return bytes;
})();

/** The bytes that a token's text stands for, or null where a character is not of the alphabet. */
export function byteLevelBytes(token: string): Uint8Array | null {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = CHAR_BYTES[token.charCodeAt(i)] ?? -1;
    if (byte < 0) return null;
    bytes[i] = byte;
  }
  return bytes;
}
