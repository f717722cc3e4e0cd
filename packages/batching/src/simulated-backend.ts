import { type Block, SimulatedKv } from './simulated-kv';
import {
  type ExpertFalls,
  MAX_DRAFT,
  type SamplingParams,
  type SequenceIdentity,
  type StepBackend,
  type StepItem,
  type StepOutput,
} from './step-backend';

export interface SimulatedModel {
  vocabSize: number;
  blocksTotal: number;
  blockTokens: number;
  /** Width of an embedding row. */
  hiddenSize?: number;
  /** The next token after these; the same arguments give the same token. Default: a hash of them. */
  next?(
    history: readonly number[],
    sampling: SamplingParams,
    sampledCount: number,
    delta?: number | null,
  ): number;
  /** What a lower stage would sample in place of `next`, for drafts. Default: the same. */
  guess?(history: readonly number[], sampling: SamplingParams, sampledCount: number, stage: number): number;
  /** What a token stands for; needed for stop texts. */
  bytesOf?(token: number): Uint8Array;
  /** How experts are for an item: one is `away` that it does not do without, or what it lacks. Default: all are there. */
  experts?(item: StepItem): 'away' | ExpertFalls;
  /** Awaited by every step: sets the pace. */
  pace?(items: readonly StepItem[]): Promise<void>;
}

interface Held {
  sampling: SamplingParams;
  delta: number | null;
  /** In hexadecimal. */
  scope: string;
  history: number[];
  sampled: number[];
  blocks: Block[];
  text: string;
}

/**
 * A StepBackend without weights: real bookkeeping of sequences and KV blocks, and a stand-in for the model. It
 * refuses whatever breaks the port's rules, so that schedulers and services can be tested against it.
 */
export class SimulatedBackend implements StepBackend {
  readonly blockTokens: number;
  private readonly held = new Map<number, Held>();
  private readonly cache: SimulatedKv;
  private created = 0;
  private stepping = false;

  constructor(private readonly model: SimulatedModel) {
    this.blockTokens = model.blockTokens;
    this.cache = new SimulatedKv(model.blocksTotal, model.blockTokens);
  }

  get sequences(): number {
    return this.held.size;
  }

  createSequence(
    sampling: SamplingParams,
    sampled = new Int32Array(0),
    { delta, scope }: SequenceIdentity = BASE,
  ): number {
    this.idle();
    if (scope.length !== 0 && scope.length !== 32) throw new Error('a scope of neither 0 nor 32 bytes');
    if (delta !== null && scope.length === 0) throw new Error('a delta without a scope');
    const handle = ++this.created;
    const held: Held = {
      sampling,
      delta,
      scope: Buffer.from(scope).toString('hex'),
      history: [],
      sampled: [...sampled],
      blocks: [],
      text: '',
    };
    for (const token of sampled) this.write(held, token);
    this.held.set(handle, held);
    return handle;
  }

  freeSequence(sequence: number): void {
    this.idle();
    this.cache.release(this.get(sequence).blocks);
    this.held.delete(sequence);
  }

  matchPrefix(sequence: number, stage: number, tokens: Int32Array): number {
    this.idle();
    const held = this.get(sequence);
    if (held.history.length > 0) throw new Error(`sequence ${sequence} already holds tokens`);
    held.blocks = this.cache.match(tokens, stage, held.scope);
    held.history = [...tokens.subarray(0, held.blocks.length * this.blockTokens)];
    return held.history.length;
  }

  truncate(sequence: number, length: number): void {
    this.idle();
    const held = this.get(sequence);
    held.history.length = Math.min(held.history.length, length);
    this.cache.release(held.blocks.splice(Math.ceil(length / this.blockTokens)));
  }

  /** Forgets cached blocks of this stage and above, as an engine does that drops them. */
  purge(stage: number): void {
    this.cache.purge(stage);
  }

  kv(): { blocksTotal: number; blocksFree: number } {
    return { blocksTotal: this.cache.blocksTotal, blocksFree: this.cache.free };
  }

  async step(items: StepItem[]): Promise<StepOutput[]> {
    this.idle();
    if (items.length === 0) throw new Error('a step without items');
    if (new Set(items.map(({ sequence }) => sequence)).size < items.length) {
      throw new Error('a sequence twice in one step');
    }
    this.stepping = true;
    try {
      await this.model.pace?.(items);
      return items.map((item) => this.run(item));
    } finally {
      this.stepping = false;
    }
  }

  private run(item: StepItem): StepOutput {
    const held = this.get(item.sequence);
    const added =
      item.embeddings === null ? [...item.tokens] : rowHashes(item.embeddings, this.model.hiddenSize ?? 1);
    if (added.length === 0) throw new Error('an item without tokens');
    const { draft } = item;
    const drafts = draft === null ? 0 : 'tokens' in draft ? draft.tokens.length : draft.count;
    const most = held.history.length + added.length + drafts;
    if (Math.ceil(most / this.blockTokens) - held.blocks.length > this.cache.free) {
      return { ...NOTHING, status: 'noKv' };
    }
    const falls = this.model.experts?.(item);
    if (falls === 'away') return { ...NOTHING, status: 'noExpert' };
    held.history.push(...added);
    const output = item.sample ? this.check(held, this.guesses(held, item)) : NOTHING;
    this.cache.grow(held.blocks, held.history, item.stage, held.scope);
    return falls ? { ...output, expertFalls: falls } : output;
  }

  private guesses(
    { history, sampling, sampled, delta }: Held,
    { tokens, stage, sample, draft }: StepItem,
  ): number[] {
    if (draft === null) return [];
    const count = 'tokens' in draft ? draft.tokens.length : draft.count;
    if (!sample || tokens.length === 0 || count < 1 || count > MAX_DRAFT)
      throw new Error('a draft out of place');
    if ('tokens' in draft) return [...draft.tokens];
    if (tokens.length !== 1 || draft.stage >= stage) throw new Error('a stage drafts out of place');
    const after = [...history];
    for (let i = 0; i < count; i++) {
      const at = sampled.length + i;
      after.push(
        this.model.guess?.(after, sampling, at, draft.stage) ?? this.next(after, sampling, at, delta),
      );
    }
    return after.slice(history.length);
  }

  /** Samples as long as the guesses come out, and once more. */
  private check(held: Held, guesses: readonly number[]): StepOutput {
    const kept: StepOutput[] = [];
    for (const guess of guesses) {
      const output = this.sample(held);
      if (output.finish !== 'none' || output.token !== guess) return { ...output, kept };
      kept.push(output);
      held.history.push(guess);
    }
    return { ...this.sample(held), kept };
  }

  private next(
    history: readonly number[],
    sampling: SamplingParams,
    count: number,
    delta: number | null,
  ): number {
    const { next, vocabSize } = this.model;
    return next ? next(history, sampling, count, delta) : hashed(history, sampling, count, delta) % vocabSize;
  }

  private sample(held: Held): StepOutput {
    const { sampling, history, sampled, delta } = held;
    const token = this.next(history, sampling, sampled.length, delta);
    sampled.push(token);
    const count = Math.max(0, sampling.logprobs);
    const top = Int32Array.from({ length: count }, (_, i) => (token + i) % this.model.vocabSize);
    const output: StepOutput = {
      ...NOTHING,
      token,
      logprob: sampling.logprobs < 0 ? Number.NaN : -0.5,
      topTokens: top,
      topLogprobs: Float32Array.from(top, (_, i) => -0.5 - i),
    };
    if (sampling.stopTokens.includes(token)) return { ...output, finish: 'stopToken' };
    this.write(held, token);
    const stopIndex = sampling.stop.findIndex((stop) =>
      held.text.includes(Buffer.from(stop).toString('latin1')),
    );
    return stopIndex < 0 ? output : { ...output, finish: 'stopText', stopIndex };
  }

  private write(held: Held, token: number): void {
    const bytes = this.model.bytesOf?.(token);
    if (bytes) held.text += Buffer.from(bytes).toString('latin1');
  }

  private get(sequence: number): Held {
    const held = this.held.get(sequence);
    if (!held) throw new Error(`no sequence ${sequence}`);
    return held;
  }

  private idle(): void {
    if (this.stepping) throw new Error('a call during a step');
  }
}

const BASE: SequenceIdentity = { delta: null, scope: new Uint8Array(0) };

const NOTHING: StepOutput = {
  status: 'ok',
  kept: [],
  token: -1,
  logprob: Number.NaN,
  topTokens: new Int32Array(0),
  topLogprobs: new Float32Array(0),
  finish: 'none',
  stopIndex: -1,
};

/** One number for each row of embeddings, in place of its token. */
function rowHashes(rows: Float32Array, width: number): number[] {
  const hashes = Array.from({ length: rows.length / width }, () => 0);
  rows.forEach((value, i) => {
    const row = Math.floor(i / width);
    hashes[row] = (Math.imul(hashes[row] as number, 31) + Math.round(value * 4096)) | 0;
  });
  return hashes;
}

/** FNV-1a over history and delta, and over the seed unless greedy. */
function hashed(
  history: readonly number[],
  { temperature, seed }: SamplingParams,
  sampledCount: number,
  delta: number | null,
): number {
  let hash = 0x811c9dc5;
  const mix = (value: number) => {
    hash = Math.imul(hash ^ value, 0x01000193) >>> 0;
  };
  for (const token of history) mix(token);
  if (delta !== null) mix(delta);
  if (temperature > 0) {
    mix(Number(seed & 0xffffffffn));
    mix(sampledCount);
  }
  mix(hash >>> 15);
  return hash;
}
