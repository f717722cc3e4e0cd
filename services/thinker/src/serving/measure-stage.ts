import { isDeepStrictEqual } from 'node:util';
import type { Scheduler, StepBackend, StepItem } from '@zen/batching';
import { GREEDY } from '@zen/engine';
import { nowUs } from './step-loop';

const PROMPT = 48;
const STREAMS = 4;
const REPEATS = 3;
/** Guesses that one sequence checks. */
const DRAFTS = [1, 3, 7, 15] as const;

/** What one stage did. */
interface Turn {
  stage: number;
  handles: number[];
  steps: {
    work: { decodes: number; promptTokens: number; rows: number };
    elapsedUs: number;
  }[];
}

/**
 * Measures what a new stage costs, so that its load can be predicted before it has answered anyone. One step at a
 * time: prompts, decodes of one and of four sequences (the first of each kind only warms the memory up), and checks of
 * drafts. The quickest of a kind counts for all of it, since whatever else runs only makes a step longer; and nothing
 * counts before the last, since prompts alone say nothing on the cost of a decode.
 *
 * Prompts and decodes take turns with the highest other stage that is measured: how much of the machine there is
 * changes from one second to the next, and would otherwise be taken for what one stage costs more than another.
 */
export async function* measureStage(
  stage: number,
  vocabSize: number,
  backend: StepBackend,
  scheduler: Scheduler,
  /** False once a stage is dropped. */
  attached: (stage: number) => boolean,
): AsyncGenerator<void, void, undefined> {
  const known = scheduler.load(0).costs.findLast((cost) => cost.stage !== stage && attached(cost.stage));
  const own: Turn = { stage, handles: [], steps: [] };
  const turns = known ? [{ stage: known.stage, handles: [], steps: [] }, own] : [own];
  const item = (sequence: number, count: number, ofStage: number): StepItem => ({
    sequence,
    tokens: Int32Array.from({ length: count }, (_, i) => (i * 31 + sequence) % vocabSize),
    embeddings: null,
    stage: ofStage,
    sample: true,
    draft: null,
  });
  const run = async (turn: Turn, items: StepItem[], work: Turn['steps'][number]['work'] | null) => {
    const started = nowUs();
    const outputs = await backend.step(items);
    const elapsedUs = nowUs() - started;
    const complete = outputs.every(({ status }) => status === 'ok');
    if (work && complete) turn.steps.push({ work, elapsedUs });
  };
  try {
    for (let i = 0; i < STREAMS; i++) {
      for (const turn of turns) {
        if (!attached(stage)) return;
        if (!attached(turn.stage)) continue;
        const handle = backend.createSequence(GREEDY);
        turn.handles.push(handle);
        const work = { decodes: 0, promptTokens: PROMPT, rows: 0 };
        await run(turn, [item(handle, PROMPT, turn.stage)], i > 0 ? work : null);
        yield;
      }
    }
    for (const decodes of [1, STREAMS]) {
      for (let repeat = 0; repeat <= REPEATS; repeat++) {
        for (const turn of turns) {
          if (!attached(stage)) return;
          if (!attached(turn.stage)) continue;
          const items = turn.handles.slice(0, decodes).map((handle) => item(handle, 1, turn.stage));
          await run(turn, items, repeat > 0 ? { decodes, promptTokens: 0, rows: decodes } : null);
          yield;
        }
      }
    }
    for (const count of DRAFTS) {
      const [handle] = own.handles;
      if (handle === undefined || !attached(stage)) return;
      const draft = { tokens: Int32Array.from({ length: count }, (_, i) => (i * 37) % vocabSize) };
      await run(own, [{ ...item(handle, 1, stage), draft }], {
        decodes: 1,
        promptTokens: 0,
        rows: 1 + count,
      });
      yield;
    }
    if (!attached(stage)) return;
    const ended = nowUs();
    // The known one first: it sets the pace by which the new one is judged.
    for (const { stage: one, steps } of turns) {
      for (const { work } of steps) {
        const alike = steps.filter((other) => isDeepStrictEqual(other.work, work));
        const elapsedUs = Math.min(...alike.map((other) => other.elapsedUs));
        const { rows, ...counted } = work;
        scheduler.observe({ stage: one, ...counted, elapsedUs }, ended, rows);
      }
    }
  } finally {
    for (const handle of turns.flatMap(({ handles }) => handles)) backend.freeSequence(handle);
  }
}
