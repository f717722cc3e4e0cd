import type { SpokenPart } from '@zen/speech';
import { Playback } from './playback';

const part = (samples: number): SpokenPart => ({
  samples: new Float32Array(samples),
  computeUs: 1,
  isLast: true,
});

async function* parts(...samples: number[]): AsyncGenerator<SpokenPart> {
  for (const one of samples) yield part(one);
}

test('more is needed at once before anything came, then when all that came has been played', async () => {
  const playback = new Playback(1000);
  expect(playback.dueMs(5)).toBe(5);
  const from = performance.now();
  for await (const one of playback.follow(parts(300, 200))) expect(one.isLast).toBe(true);
  for await (const _ of playback.follow(parts(1500)));
  const due = playback.dueMs(0);
  expect(due).toBeGreaterThanOrEqual(from + 2000);
  expect(due).toBeLessThanOrEqual(performance.now() + 2000);
});
