import { InferenceSession, Tensor } from 'onnxruntime-node';
import { STEP } from './steps';

/** Of the step before that each step begins with. */
const CONTEXT = 64;
const STATE = 128;
/** Steps of one run: others wait no longer than that takes. */
const MAX_STEPS = 16;

/** Silero's graph, shared by all who listen. Holds the thread that calls while it computes. */
export class SileroModel {
  private constructor(private readonly session: InferenceSession) {}

  static async open(path: string): Promise<SileroModel> {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
    return new SileroModel(await InferenceSession.create(path, options));
  }

  /** Follows one speaker's audio from its beginning. */
  state(): SileroState {
    return new SileroState(this.session);
  }
}

/** How likely speech is, step after step. */
export class SileroState {
  private context = new Float32Array(CONTEXT);
  private h: Tensor = new Tensor('float32', new Float32Array(STATE), [1, 1, STATE]);
  private c: Tensor = this.h;

  constructor(private readonly session: InferenceSession) {}

  /** @param samples a whole number of steps; one call after the other; @returns 0 to 1 for each step */
  async push(samples: Float32Array): Promise<number[]> {
    const probabilities: number[] = [];
    for (let at = 0; at < samples.length; at += MAX_STEPS * STEP) {
      probabilities.push(...(await this.run(samples.subarray(at, at + MAX_STEPS * STEP))));
    }
    return probabilities;
  }

  private async run(samples: Float32Array): Promise<Float32Array> {
    const steps = samples.length / STEP;
    const width = CONTEXT + STEP;
    const input = new Float32Array(steps * width);
    for (let step = 0; step < steps; step++) {
      const from = step * STEP;
      input.set(step === 0 ? this.context : samples.subarray(from - CONTEXT, from), step * width);
      input.set(samples.subarray(from, from + STEP), step * width + CONTEXT);
    }
    this.context = samples.slice(-CONTEXT);
    const feeds = { input: new Tensor('float32', input, [steps, width]), h: this.h, c: this.c };
    const { speech_probs: probabilities, hn, cn } = await this.session.run(feeds);
    this.h = hn as Tensor;
    this.c = cn as Tensor;
    return probabilities!.data as Float32Array;
  }
}
