import { median } from '../report';
import type { ThinkerProcess } from '../thinker-process';

/**
 * Microseconds of a decode step with `streams` greedy answers of `tokens` tokens at once: the median time between two
 * pieces of an answer after all have begun.
 */
export async function stepTime(thinker: ThinkerProcess, streams: number, tokens: number): Promise<number> {
  const times = Array.from({ length: streams }, (): number[] => []);
  await Promise.all(
    times.map(async (at, stream) => {
      const request = {
        prompt: { $case: 'text' as const, value: `Chapter ${stream + 1}: the` },
        maxTokens: tokens,
        sampling: { temperature: 0, ignoreEos: true },
      };
      for await (const { event } of thinker.client.generate(request)) {
        if (event?.$case === 'piece' && event.value.tokenIds.length > 0) at.push(performance.now());
      }
    }),
  );
  const all = Math.max(...times.map(([first]) => first ?? Number.NaN));
  const end = Math.min(...times.map((at) => at.at(-1) ?? Number.NaN));
  const gaps = times.flatMap((at) =>
    at
      .slice(1)
      .flatMap((time, i) => ((at[i] as number) >= all && time <= end ? [time - (at[i] as number)] : [])),
  );
  if (gaps.length === 0) throw new Error(`${streams} answers never ran at once`);
  return 1000 * median(gaps);
}
