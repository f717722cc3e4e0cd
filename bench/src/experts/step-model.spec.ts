import { breakEven, type CallCosts, fitLine, type MixtureShape, predictStep } from './step-model';

const shape: MixtureShape = { layers: 10, experts: 8, perToken: 2, hiddenSize: 512, rowBytes: 576 };
/** 5 µs for an expert, 4 for a pair; a hop of 200 and 1 for 1,000 bytes. */
const costs: CallCosts = { compute: [0, 5, 4], hop: [200, 0.001], thinker: [0, 0] };
const far = { cores: Number.POSITIVE_INFINITY, networkUs: 0 };

describe('the time of a step with experts elsewhere', () => {
  test('one token waits for a hop in every layer', () => {
    // Co-located: 18 of each layer's 100 µs are two experts with a pair each. A row of 576 bytes goes, two outputs come.
    const local = 10 * 100;
    const hop = 200 + 0.001 * (576 + 2 * 512 * 4);
    expect(predictStep(costs, shape, 1, local, { pods: 1, ...far })).toBeCloseTo(10 * (82 + hop + 18), 6);
    expect(predictStep(costs, shape, 1, local, { pods: 1, ...far, networkUs: 50 })).toBeCloseTo(
      10 * (82 + hop + 18 + 50),
      6,
    );
  });

  test('what the thinker does for each layer comes on top', () => {
    const slower = { ...costs, thinker: [30, 2] };
    const split = { pods: 2, ...far };
    const added = (tokens: number) =>
      predictStep(slower, shape, tokens, 10_000, split) - predictStep(costs, shape, tokens, 10_000, split);
    expect(added(1)).toBeCloseTo(10 * 32, 6);
    expect(added(8)).toBeCloseTo(10 * 46, 6);
  });

  test('pods that share cores take turns', () => {
    const split = { pods: 4, networkUs: 0 };
    const apart = predictStep(costs, shape, 64, 7_000, { ...split, cores: 4 });
    expect(predictStep(costs, shape, 64, 7_000, { ...split, cores: 2 })).toBeGreaterThan(apart);
    expect(predictStep(costs, shape, 64, 7_000, { ...split, cores: 8 })).toBe(apart);
  });

  test('it pays once the arithmetic that is shared out outweighs the hop, and never on a slow network', () => {
    const local = (tokens: number) => 10 * (50 + 60 * tokens);
    const even = breakEven(costs, shape, local, { pods: 4, ...far });
    expect(even).toBeGreaterThan(1);
    expect(breakEven(costs, shape, local, { pods: 4, ...far, networkUs: 1e9 })).toBeNull();
  });
});

describe('a fit', () => {
  test('finds the line that made the values', () => {
    const features = [
      [1, 1, 1],
      [1, 2, 8],
      [1, 4, 4],
      [1, 8, 64],
    ];
    const fit = fitLine(
      features,
      features.map(([, experts, pairs]) => 3 + 5 * experts! + 0.5 * pairs!),
    );
    [3, 5, 0.5].forEach((value, at) => {
      expect(fit[at]).toBeCloseTo(value, 6);
    });
  });

  test('says where the measurements do not determine one', () => {
    expect(() =>
      fitLine(
        [
          [1, 2],
          [1, 2],
        ],
        [1, 2],
      ),
    ).toThrow('do not determine');
  });
});
