/** Bytes that have come and have not been used, in one piece. */
export class ByteQueue {
  private bytes = new Uint8Array(0);
  private at = 0;

  get length(): number {
    return this.bytes.length - this.at;
  }

  push(more: Uint8Array): void {
    const all = new Uint8Array(this.length + more.length);
    all.set(this.bytes.subarray(this.at));
    all.set(more, this.length);
    this.bytes = all;
    this.at = 0;
  }

  /** The next `count` bytes without taking them; fewer where there are fewer. Valid until the next push. */
  peek(count = this.length): Uint8Array {
    return this.bytes.subarray(this.at, this.at + count);
  }

  /** Takes as many as there are, up to `count`. */
  take(count: number): Uint8Array {
    const taken = this.peek(count);
    this.at += taken.length;
    return taken;
  }

  /** Lets go of as many as there are, up to `count`, and says how many they were. */
  skip(count: number): number {
    return this.take(count).length;
  }
}
