interface Block {
  /** Leading tokens up to this block's end, the stage and the scope; null while it is not full or if another has it cached. */
  key: string | null;
  full: boolean;
  users: number;
}

/** Paged KV of the simulated backend: counts blocks, shares full ones by prefix, evicts the oldest unused. */
export class SimulatedKv {
  private readonly cached = new Map<string, Block>();
  private used = 0;

  constructor(
    readonly blocksTotal: number,
    readonly blockTokens: number,
  ) {}

  /** Blocks that can be had now: never used ones and cached ones without a user. */
  get free(): number {
    return this.blocksTotal - this.used;
  }

  /** Blocks of the longest cached prefix that leaves at least one token to compute. */
  match(tokens: ArrayLike<number>, stage: number, scope: string): Block[] {
    const found: Block[] = [];
    for (let end = this.blockTokens; end < tokens.length; end += this.blockTokens) {
      const block = this.cached.get(prefixKey(tokens, end, stage, scope));
      if (!block) break;
      this.use(block);
      found.push(block);
    }
    return found;
  }

  /** Blocks for a sequence that grows to `history.length`; false, and nothing changed, if there are too few. */
  grow(blocks: Block[], history: ArrayLike<number>, stage: number, scope: string): boolean {
    const need = Math.ceil(history.length / this.blockTokens) - blocks.length;
    if (need > this.free) return false;
    for (let i = 0; i < need; i++) {
      this.evict();
      this.used++;
      blocks.push({ key: null, full: false, users: 1 });
    }
    blocks.forEach((block, i) => {
      const end = (i + 1) * this.blockTokens;
      if (block.full || end > history.length) return;
      block.full = true;
      const key = prefixKey(history, end, stage, scope);
      if (this.cached.has(key)) return;
      block.key = key;
      this.cached.set(key, block);
    });
    return true;
  }

  release(blocks: Block[]): void {
    for (const block of blocks) {
      if (--block.users === 0) this.used--;
    }
  }

  /** Nobody finds blocks of this stage and above any more. */
  purge(stage: number): void {
    for (const key of this.cached.keys()) if (Number.parseInt(key, 10) >= stage) this.cached.delete(key);
  }

  private use(block: Block): void {
    if (block.users++ === 0) this.used++;
  }

  /** Keeps used and cached blocks together within the total. */
  private evict(): void {
    const idle = [...this.cached.values()].filter(({ users }) => users === 0);
    if (this.used + idle.length < this.blocksTotal) return;
    const oldest = idle[0];
    if (oldest?.key) this.cached.delete(oldest.key);
  }
}

export type { Block };

function prefixKey(tokens: ArrayLike<number>, end: number, stage: number, scope: string): string {
  return `${stage}:${scope}:${Array.prototype.slice.call(tokens, 0, end).join(',')}`;
}
