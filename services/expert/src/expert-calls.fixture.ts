import type { LayerExperts, RunExpertsRequest } from '@zen/contracts';
import { type ExpertRows, loadEngine, type NativeExperts } from '@zen/engine';
import type { OpenLadder } from '@zen/ladder';
import { type CallLimits, readCall } from './request/read-call';

export type Call = Omit<RunExpertsRequest, 'id' | 'cancel'>;

/** Every expert of every layer. */
export function allExperts({ config }: Pick<OpenLadder, 'config'>, experts?: number[]): LayerExperts[] {
  const { layers, experts: shape } = config.model;
  const all = experts ?? [...new Array(shape!.count).keys()];
  return Array.from({ length: layers }, (_, layer) => ({ layer, experts: all }));
}

/** A call of rows that look like a layer's inputs, every one of them through each of `experts`. */
export function callOf(
  { config }: Pick<OpenLadder, 'config'>,
  change: Partial<
    Pick<Call, 'layer' | 'stage' | 'encoding' | 'answerEncoding' | 'deadlineUs' | 'experts'>
  > & {
    count?: number;
    seed?: number;
  } = {},
): Call {
  const { hiddenSize } = config.model;
  const { count = 3, seed = 1, experts = [0, 1], encoding = 3 } = change;
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
  const numbers = count * hiddenSize;
  const scaled = encoding === 3 || encoding === 4;
  const rows =
    encoding === 3
      ? Int8Array.from({ length: numbers }, () => Math.floor(255 * random()) - 127)
      : encoding === 4
        ? Int16Array.from({ length: numbers }, () => Math.floor(65_279 * random()) - 32_639)
        : encoding === 1
          ? Float32Array.from({ length: numbers }, () => 2 * random() - 1)
          : // The upper halves of float32.
            Uint16Array.from({ length: numbers }, () => {
              const [word] = new Uint32Array(Float32Array.of(2 * random() - 1).buffer) as never as [number];
              return word >>> 16;
            });
  const scales = Float32Array.from({ length: scaled ? numbers / 32 : 0 }, () => 0.001 + random() / 100);
  const pairs = experts.flatMap(() => [...new Array(count).keys()]);
  return {
    layer: change.layer ?? 0,
    stage: change.stage ?? 4,
    encoding,
    rows: Buffer.from(rows.buffer),
    scales: Buffer.from(scales.buffer),
    experts,
    counts: experts.map(() => count),
    pairs,
    answerEncoding: change.answerEncoding ?? 1,
    deadlineUs: change.deadlineUs ?? 0,
  };
}

const ENCODINGS = { f32: 1, bf16: 2, int8: 3, int16: 4 };

/** What a thinker's engine asks for, as it crosses. */
export function wireCall({ layer, stage, encoding, rows, scales, experts, counts, pairs }: ExpertRows): Call {
  return {
    layer,
    stage,
    encoding: ENCODINGS[encoding],
    rows: Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength),
    scales: Buffer.from(scales.buffer, scales.byteOffset, scales.byteLength),
    experts: [...experts],
    counts: [...counts],
    pairs: [...pairs],
    answerEncoding: 1,
    deadlineUs: 0,
  };
}

export function floatsOf(outputs: Buffer): Float32Array {
  return new Float32Array(Uint8Array.from(outputs).buffer);
}

/** All experts of a ladder in this process, as a thinker has those that it computes itself. */
export class LocalExperts {
  private constructor(
    private readonly engine: NativeExperts,
    private readonly limits: CallLimits,
  ) {}

  static async open(ladder: OpenLadder): Promise<LocalExperts> {
    const engine = loadEngine().openExperts(ladder.configJson, { threads: 1 });
    const { layers, hiddenSize, experts } = ladder.config.model;
    for (const { layer, experts: all } of allExperts(ladder)) {
      await engine.hold(layer, Int32Array.from(all), ladder.stagePaths);
    }
    const limits = { layers, hiddenSize, experts: experts!.count, answerBytes: 2 ** 30 };
    return new LocalExperts(engine, limits);
  }

  async run(call: Call): Promise<Buffer> {
    const read: { rows: ExpertRows; answer: 'f32' | 'bf16' } = readCall(
      { ...call, id: 0n, cancel: false },
      this.limits,
    );
    const { outputs } = await this.engine.run(read.rows, read.answer);
    return Buffer.from(outputs);
  }

  close(): void {
    this.engine.close();
  }
}
