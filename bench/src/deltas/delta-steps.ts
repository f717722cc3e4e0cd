import { GREEDY, type NativeModel } from '@zen/engine';
import { median } from '../report';

/** A batch that decodes: one delta, or none, for each sequence. */
export type Batch = readonly (number | null)[];

const PROMPT_TOKENS = 16;
/** Streams are begun anew after so many steps, so that a context stays what it was. */
const STEPS = 16;

interface Stream {
  sequence: number;
  token: number;
}

/** Sequences that decode together with these deltas. */
export class DecodingBatch {
  private streams: Stream[] = [];
  private steps = 0;

  constructor(
    private readonly model: NativeModel,
    private readonly stage: number,
    /** Which deltas; asked again whenever the streams begin anew. */
    private readonly deltas: () => Batch,
  ) {}

  /** Milliseconds of one step. */
  async step(): Promise<number> {
    if (this.steps-- <= 0) await this.begin();
    const items = this.streams.map(({ sequence, token }) => this.item(sequence, Int32Array.of(token)));
    const started = performance.now();
    const outputs = await this.model.step(items);
    const elapsed = performance.now() - started;
    this.take(outputs);
    return elapsed;
  }

  end(): void {
    for (const { sequence } of this.streams.splice(0)) this.model.freeSequence(sequence);
  }

  private async begin(): Promise<void> {
    this.end();
    this.steps = STEPS - 1;
    this.streams = this.deltas().map((delta, at) => {
      const scope = delta === null ? new Uint8Array(0) : scopeOf(delta);
      return { sequence: this.model.createSequence(GREEDY, undefined, { delta, scope }), token: at };
    });
    const prompt = (at: number) => Int32Array.from({ length: PROMPT_TOKENS }, (_, i) => 100 + 7 * i + at);
    const items = this.streams.map(({ sequence }, at) => this.item(sequence, prompt(at)));
    this.take(await this.model.step(items));
    // One step that does not count brings the deltas into the caches that hold them.
    this.take(
      await this.model.step(
        this.streams.map(({ sequence, token }) => this.item(sequence, Int32Array.of(token))),
      ),
    );
  }

  private take(outputs: readonly { token: number }[]): void {
    this.streams.forEach((stream, at) => {
      stream.token = outputs[at]?.token ?? 0;
    });
  }

  private item(sequence: number, tokens: Int32Array) {
    return { sequence, tokens, embeddings: null, stage: this.stage, sample: true, draft: null };
  }
}

/** Any 32 bytes that no other delta has. */
export function scopeOf(delta: number): Uint8Array {
  const scope = new Uint8Array(32);
  new DataView(scope.buffer).setInt32(0, delta);
  return scope;
}

export interface Comparison {
  baseMs: number;
  deltaMs: number;
  ratio: number;
}

/** Steps with and without deltas in turns; the median of the ratios of neighbours. */
export async function compare(
  model: NativeModel,
  stage: number,
  deltas: () => Batch,
  rounds: number,
): Promise<Comparison> {
  const streams = deltas().length;
  const base = new DecodingBatch(model, stage, () => Array.from({ length: streams }, () => null));
  const changed = new DecodingBatch(model, stage, deltas);
  const times: [number, number][] = [];
  for (let round = 0; round < rounds; round++) {
    // Whoever is first may pay for what ran before.
    if (round % 2 === 0) times.push([await base.step(), await changed.step()]);
    else {
      const second = await changed.step();
      times.push([await base.step(), second]);
    }
  }
  base.end();
  changed.end();
  return {
    baseMs: median(times.map(([one]) => one)),
    deltaMs: median(times.map(([, other]) => other)),
    ratio: median(times.map(([one, other]) => other / one)),
  };
}
