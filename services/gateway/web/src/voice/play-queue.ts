/** How far an item's sound has been played, samples. */
export interface Position {
  itemId: string;
  samples: number;
}

/** What is to be said, in order, and to the sample what of it has been. It runs in the audio thread. */
export class PlayQueue {
  private chunks: { itemId: string; samples: Float32Array; at: number }[] = [];
  /** Of the item that plays or played last. */
  private position: Position | null = null;

  push(itemId: string, samples: Float32Array): void {
    if (samples.length > 0) this.chunks.push({ itemId, samples, at: 0 });
  }

  get idle(): boolean {
    return this.chunks.length === 0;
  }

  get played(): Position | null {
    return this.position;
  }

  /** Fills what goes to the speaker next; silence where there is nothing. */
  fill(out: Float32Array): void {
    let done = 0;
    while (done < out.length) {
      const chunk = this.chunks[0];
      if (!chunk) break;
      const count = Math.min(out.length - done, chunk.samples.length - chunk.at);
      out.set(chunk.samples.subarray(chunk.at, chunk.at + count), done);
      if (this.position?.itemId !== chunk.itemId) this.position = { itemId: chunk.itemId, samples: 0 };
      this.position.samples += count;
      chunk.at += count;
      done += count;
      if (chunk.at === chunk.samples.length) this.chunks.shift();
    }
    out.fill(0, done);
  }

  /** Says nothing more of what is queued; returns what that cut off, each with how much of it was played. */
  flush(): Position[] {
    const cut = [...new Set(this.chunks.map(({ itemId }) => itemId))];
    this.chunks = [];
    return cut.map((itemId) => ({
      itemId,
      samples: this.position?.itemId === itemId ? this.position.samples : 0,
    }));
  }
}
