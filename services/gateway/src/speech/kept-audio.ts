/** The end of a stream of bytes: what came last, by its place in all that came. */
export class KeptAudio {
  private readonly chunks: Buffer[] = [];
  /** Of the first byte that is kept. */
  from = 0;
  /** Behind the last byte. */
  end = 0;

  push(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.chunks.push(bytes);
    this.end += bytes.length;
  }

  /** Bytes before this one are not asked for any more. */
  forget(before: number): void {
    for (let first = this.chunks[0]; first && this.from < before; first = this.chunks[0]) {
      const excess = before - this.from;
      if (excess >= first.length) this.chunks.shift();
      else this.chunks[0] = first.subarray(excess);
      this.from += Math.min(excess, first.length);
    }
  }

  /** Some bytes from `at` on, at least one and at most `most`; they are kept still. */
  read(at: number, most: number): Buffer {
    let start = this.end;
    // What is asked for is nearly always the newest.
    for (let i = this.chunks.length - 1; i >= 0; i--) {
      const chunk = this.chunks[i] as Buffer;
      start -= chunk.length;
      if (start <= at) return chunk.subarray(at - start, at - start + most);
    }
    throw new RangeError(`audio from ${at} on is not kept`);
  }
}
