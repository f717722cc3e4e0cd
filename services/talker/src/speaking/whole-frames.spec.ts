import type { SpokenClause } from '@zen/speech';
import { wholeFrames } from './whole-frames';

async function* parts(...all: [from: number, to: number, isLast: boolean, computeUs: number][]) {
  for (const [from, to, isLast, computeUs] of all) {
    const samples = Float32Array.from({ length: to - from }, (_, i) => from + i);
    yield { textStart: 0, textEnd: 1, samples, isLast, computeUs };
  }
}

test('parts are cut at whole frames, a clause ends where it ends, no sample is lost', async () => {
  const made: SpokenClause[] = [];
  const source = parts(
    [0, 7, false, 1],
    [7, 9, false, 2],
    [9, 31, false, 4],
    [31, 33, true, 8],
    [33, 33, true, 16],
  );
  for await (const part of wholeFrames(source, 10)) made.push(part);
  expect(made.map(({ samples, isLast, computeUs }) => [samples.length, isLast, computeUs])).toEqual([
    [30, false, 7],
    [3, true, 8],
    [0, true, 16],
  ]);
  expect(made.flatMap(({ samples }) => [...samples])).toEqual([...new Array(33).keys()]);
});
