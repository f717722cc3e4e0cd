import { BLOCK_UNITS, type PrefixChain } from './prefix-chain';

interface Block {
  /** Grows with each use, so that it orders blocks by their last one. */
  usedAt: number;
  /** A prompt with it has been computed; until then its replica may not have it yet. */
  computed: boolean;
}

/** What a replica is believed to have of a prompt. */
export interface PrefixMatch {
  /** Blocks, from the beginning. */
  blocks: number;
  /** Share of the prompt, 0 to 1. */
  share: number;
  /** All of them have been computed there, and their oldest use; null where one is only on its way. */
  computedAt: number | null;
}

export const NO_MATCH: PrefixMatch = { blocks: 0, share: 0, computedAt: null };

/** Blocks remembered for a replica: some 500,000 tokens, in 2 MB. */
const MAX_BLOCKS_KEPT = 16_384;
/** A replica that had less than this share of what was believed has dropped it. */
const MISSED = 0.5;

/**
 * Which prompts a replica has computed, as far as its gateway knows: the blocks of what was sent there, the least
 * recently used forgotten first. The replica forgets in the same order but sooner or later than we do, so what it
 * says of each prompt corrects us: where blocks are gone, all that were used before them are gone as well.
 */
export class PrefixIndex {
  /** In order of use. */
  private readonly blocks = new Map<number, Block>();
  private uses = 0;

  constructor(private readonly maxBlocks: number = MAX_BLOCKS_KEPT) {}

  get size(): number {
    return this.blocks.size;
  }

  match({ keys, units }: PrefixChain): PrefixMatch {
    let blocks = 0;
    let computedAt: number | null = Number.POSITIVE_INFINITY;
    for (const key of keys) {
      const block = this.blocks.get(key);
      if (!block) break;
      blocks++;
      computedAt = computedAt !== null && block.computed ? Math.min(computedAt, block.usedAt) : null;
    }
    if (blocks === 0) return NO_MATCH;
    return { blocks, share: (blocks * BLOCK_UNITS) / units, computedAt };
  }

  /** A prompt goes there: whoever shares its beginning should follow it. */
  sent(chain: PrefixChain): void {
    this.touch(chain, false);
  }

  /** Its prompt has been computed, `cachedShare` (0 to 1) of it from the cache; `match` is what was believed before. */
  computed(chain: PrefixChain, match: PrefixMatch, cachedShare: number): void {
    if (match.computedAt !== null && cachedShare < match.share * MISSED) this.forgetUpTo(match.computedAt);
    this.touch(chain, true);
  }

  private touch({ keys }: PrefixChain, computed: boolean): void {
    const usedAt = ++this.uses;
    // The end first: it is worth nothing without its beginning, so the beginning must be forgotten last.
    for (let at = Math.min(keys.length, this.maxBlocks) - 1; at >= 0; at--) {
      const key = keys[at] as number;
      const known = this.blocks.get(key);
      this.blocks.delete(key);
      this.blocks.set(key, { usedAt, computed: computed || known?.computed === true });
    }
    while (this.blocks.size > this.maxBlocks) this.blocks.delete(this.blocks.keys().next().value as number);
  }

  private forgetUpTo(usedAt: number): void {
    for (const [key, block] of this.blocks) {
      if (block.usedAt > usedAt) return;
      this.blocks.delete(key);
    }
  }
}
