import type { SamplingParams, SequenceIdentity, StepBackend, StepItem, StepOutput } from '@zen/batching';

interface Held {
  scope: string;
  tokens: number[];
}

/**
 * A backend's port with a memory: which prefixes were computed in which scope, and whether a prefix that a sequence
 * takes over was ever computed in its own.
 */
export class ScopeWitness implements StepBackend {
  readonly blockTokens: number;
  /** Sentences about blocks that were taken over from another scope. */
  readonly violations: string[] = [];
  /** Prefixes taken over. */
  shared = 0;
  /** Prefixes that another scope had computed further than the sequence's own. */
  tempted = 0;
  private readonly held = new Map<number, Held>();
  /** stage and leading tokens up to a block's end → scopes that computed them. */
  private readonly computed = new Map<string, Set<string>>();

  constructor(private readonly backend: StepBackend) {
    this.blockTokens = backend.blockTokens;
  }

  createSequence(sampling: SamplingParams, sampled?: Int32Array, identity?: SequenceIdentity): number {
    const handle = this.backend.createSequence(sampling, sampled, identity);
    const scope = Buffer.from(identity?.scope ?? []).toString('hex');
    this.held.set(handle, { scope, tokens: [] });
    return handle;
  }

  freeSequence(sequence: number): void {
    this.backend.freeSequence(sequence);
    this.held.delete(sequence);
  }

  matchPrefix(sequence: number, stage: number, tokens: Int32Array): number {
    const found = this.backend.matchPrefix(sequence, stage, tokens);
    const held = this.get(sequence);
    held.tokens = [...tokens.subarray(0, found)];
    if (found > 0) this.shared++;
    for (let end = this.blockTokens; end < tokens.length; end += this.blockTokens) {
      const scopes = this.computed.get(keyOf(stage, tokens, end)) ?? new Set();
      if (end <= found && !scopes.has(held.scope)) {
        this.violations.push(`${held.scope} took ${end} tokens at stage ${stage} that it never computed`);
      }
      if (end === found + this.blockTokens && scopes.size > 0 && !scopes.has(held.scope)) this.tempted++;
    }
    return found;
  }

  truncate(sequence: number, length: number): void {
    this.backend.truncate(sequence, length);
    const { tokens } = this.get(sequence);
    tokens.length = Math.min(tokens.length, length);
  }

  async step(items: StepItem[]): Promise<StepOutput[]> {
    const outputs = await this.backend.step(items);
    items.forEach(({ sequence, tokens, stage }, at) => {
      const { status, kept } = outputs[at] as StepOutput;
      if (status !== 'ok') return;
      const held = this.get(sequence);
      held.tokens.push(...tokens, ...kept.map(({ token }) => token));
      for (let end = this.blockTokens; end <= held.tokens.length; end += this.blockTokens) {
        const key = keyOf(stage, held.tokens, end);
        const scopes = this.computed.get(key) ?? new Set();
        this.computed.set(key, scopes.add(held.scope));
      }
    });
    return outputs;
  }

  kv(): { blocksTotal: number; blocksFree: number } {
    return this.backend.kv();
  }

  private get(sequence: number): Held {
    const held = this.held.get(sequence);
    if (!held) throw new Error(`no sequence ${sequence}`);
    return held;
  }
}

const keyOf = (stage: number, tokens: ArrayLike<number>, end: number): string =>
  `${stage}:${Array.prototype.slice.call(tokens, 0, end).join(',')}`;
