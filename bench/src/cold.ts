import { type BenchReport, median, type Row, report } from './report';
import { chosen, ladderOf } from './subjects';
import { ThinkerProcess } from './thinker-process';

const ROUNDS = 5;

/** From starting the thinker's process to its first token, with the artifact on disk (and in the page cache). */
export async function cold(argv: string[]): Promise<BenchReport> {
  const rows: Row[] = [];
  for (const subject of chosen(argv)) {
    const toFirst: number[] = [];
    const toComplete: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const started = performance.now();
      const thinker = await ThinkerProcess.spawn(ladderOf(subject));
      for (;;) {
        // Refused until the port is open and the first servable stage is attached.
        const answered = await thinker.answer('Once upon a time', 1).catch(() => undefined);
        if (answered !== undefined) break;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      toFirst.push(performance.now() - started);
      await thinker.complete();
      toComplete.push(performance.now() - started);
      await thinker.stop();
    }
    rows.push({
      model: subject.name,
      'first token ms': median(toFirst),
      'all stages ms': median(toComplete),
    });
  }
  return report('cold', rows, []);
}
