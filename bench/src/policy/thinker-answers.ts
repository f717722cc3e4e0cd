import type { ThinkerProcess } from '../thinker-process';

/** A prompt that no earlier one shares a block with, so that nothing comes out of the prefix cache. */
let prompts = 0;
function promptOf(tokens: number): number[] {
  prompts++;
  return Array.from({ length: tokens }, (_, i) => 1000 + ((prompts * 7919 + i * 31) % 20_000));
}

/** Has a thinker answer a new prompt at a stage with exactly `maxTokens`, and calls `piece` with each as it comes. */
export async function answerTokens(
  thinker: ThinkerProcess,
  stage: number,
  promptTokens: number,
  maxTokens: number,
  piece: () => void,
): Promise<void> {
  const tokenIds = promptOf(promptTokens);
  const request = {
    prompt: { $case: 'tokens' as const, value: { tokenIds } },
    maxTokens,
    stage,
    sampling: { temperature: 0, ignoreEos: true },
  };
  for await (const { event } of thinker.client.generate(request)) if (event?.$case === 'piece') piece();
}

/** The same; resolves to when each piece came, milliseconds after the request. */
export async function answerTimesMs(
  thinker: ThinkerProcess,
  stage: number,
  promptTokens: number,
  maxTokens: number,
): Promise<number[]> {
  const startedMs = performance.now();
  const atMs: number[] = [];
  await answerTokens(thinker, stage, promptTokens, maxTokens, () => atMs.push(performance.now() - startedMs));
  return atMs;
}
