import type { Scheduler, StepBackend, StepItem, StepMeasure } from '@zen/batching';
import { GREEDY } from '@zen/engine';
import { nowUs } from './step-loop';

const PROMPT = 48;
const STREAMS = 4;
const REPEATS = 3;
/** Guesses that one sequence checks. */
const DRAFTS = [1, 3, 7, 15] as const;

/**
 * Measures what a new stage costs, so that its load can be predicted before it has answered anyone. One step at a
 * time: prompts, decodes of one and of four sequences (the first of each kind only warms the memory up), and checks of
 * drafts. The quickest of a kind counts for all of it, since whatever else runs only makes a step longer; and nothing
 * counts before the last, since prompts alone say nothing on the cost of a decode.
 */
export async function* measureStage(
  stage: number,
  vocabSize: number,
  backend: StepBackend,
  scheduler: Scheduler,
  /** False once the stage is dropped. */
  attached: () => boolean,
): AsyncGenerator<void, void, undefined> {
  const handles: number[] = [];
  const steps: { work: Omit<StepMeasure, 'stage'>; rows: number; endedUs: number }[] = [];
  const item = (sequence: number, count: number): StepItem => ({
    sequence,
    tokens: Int32Array.from({ length: count }, (_, i) => (i * 31 + sequence) % vocabSize),
    embeddings: null,
    stage,
    sample: true,
    draft: null,
  });
  const run = async (
    items: StepItem[],
    decodes: number,
    promptTokens: number,
    counts: boolean,
    rows = decodes,
  ) => {
    const started = nowUs();
    const outputs = await backend.step(items);
    const ended = nowUs();
    const complete = outputs.every(({ status }) => status === 'ok');
    if (!counts || !complete) return;
    steps.push({ work: { decodes, promptTokens, elapsedUs: ended - started }, rows, endedUs: ended });
  };
  try {
    for (let i = 0; i < STREAMS && attached(); i++) {
      const handle = backend.createSequence(GREEDY);
      handles.push(handle);
      await run([item(handle, PROMPT)], 0, PROMPT, i > 0);
      yield;
    }
    for (const decodes of [1, STREAMS]) {
      for (let repeat = 0; repeat <= REPEATS && attached(); repeat++) {
        await run(
          handles.slice(0, decodes).map((handle) => item(handle, 1)),
          decodes,
          0,
          repeat > 0,
        );
        yield;
      }
    }
    for (const count of DRAFTS) {
      const [handle] = handles;
      if (handle === undefined || !attached()) return;
      const draft = { tokens: Int32Array.from({ length: count }, (_, i) => (i * 37) % vocabSize) };
      await run([{ ...item(handle, 1), draft }], 1, 0, true, 1 + count);
      yield;
    }
    if (!attached()) return;
    for (const { work, rows, endedUs } of steps) {
      const alike = steps.filter((one) => one.rows === rows && one.work.decodes === work.decodes);
      const elapsedUs = Math.min(...alike.map((one) => one.work.elapsedUs));
      scheduler.observe({ stage, ...work, elapsedUs }, endedUs, rows);
    }
  } finally {
    for (const handle of handles) backend.freeSequence(handle);
  }
}
