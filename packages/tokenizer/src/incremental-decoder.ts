/**
 * Turns the bytes of a stream of tokens into text that never ends inside a character. Bytes that cannot
 * become a character turn into U+FFFD, one per maximal ill-formed part as in the reference, and as soon as
 * that is certain. The concatenation of all results equals decoding all bytes at once.
 */
export class IncrementalDecoder {
  // ignoreBOM keeps a U+FEFF at the start: it is text like any other.
  private readonly decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

  constructor(private readonly bytesOf: (id: number) => Uint8Array) {}

  /** Text that became complete with this token; may be empty. */
  push(id: number): string {
    return this.decoder.decode(this.bytesOf(id), { stream: true });
  }

  /** What is left at the end of the stream: U+FFFD for an unfinished character, else empty. */
  finish(): string {
    return this.decoder.decode();
  }
}
