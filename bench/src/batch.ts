import { availableParallelism } from 'node:os';
import { LadderEngine } from './ladder-engine';
import { type BenchReport, bar, median, type Row, report } from './report';
import { chosen, ladderOf, PROMPT_TEXT } from './subjects';

const STREAMS = [1, 8, 32];
const STEPS = 24;
const ROUNDS = 5;

/** Aggregate tokens per second of 8 and 32 streams against one, every stage, in turns. */
export async function batch(argv: string[]): Promise<BenchReport> {
  const rows: Row[] = [];
  const bars = [];
  let kernels = '';
  for (const subject of chosen(argv)) {
    const engine = await LadderEngine.open(ladderOf(subject), availableParallelism());
    kernels = engine.kernels;
    const text = engine.tokenizer.encode(PROMPT_TEXT);
    const prompts = [...Array(Math.max(...STREAMS)).keys()].map((i) => text.slice(i, i + 16));
    for (const stage of [...Array(engine.stages).keys()]) {
      const rates = STREAMS.map((): number[] => []);
      for (let round = -1; round < ROUNDS; round++) {
        for (const [at, streams] of STREAMS.entries()) {
          const stepMs = await engine.decodeTogether(stage, prompts.slice(0, streams), STEPS);
          if (round >= 0) rates[at]?.push((streams / stepMs) * 1000);
        }
      }
      const alone = rates[0] ?? [];
      for (const [at, streams] of STREAMS.entries()) {
        const ratio = median((rates[at] ?? []).map((rate, round) => rate / (alone[round] ?? Number.NaN)));
        rows.push({ model: subject.name, stage, streams, 'tokens/s': median(rates[at] ?? []), ratio });
        if (streams === 8 && stage === engine.stages - 1 && subject.name.startsWith('smollm2')) {
          bars.push(bar('batch.smollm2.8', ratio, 3, 'higher'));
        }
      }
    }
    engine.model.close();
  }
  return report('batch', rows, bars, kernels);
}
