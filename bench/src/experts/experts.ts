import { openLadder } from '@zen/ladder';
import { upcycledLadder } from '@zen/testing';
import { type BenchReport, bar, median, quantile, type Row, report } from '../report';
import type { ThinkerProcess } from '../thinker-process';
import { type ExpertProcesses, startExpertProcesses, startLocal } from './expert-processes';
import { breakEven, type CallCosts, fitLine, type MixtureShape, predictStep } from './step-model';
import { type CallTime, timeCalls } from './time-calls';
import { stepTime } from './time-steps';

const PODS = [1, 2, 4];
const STREAMS = [1, 4, 16, 48];
const ROUNDS = 5;
const TOKENS = 24;
const CALL_ROUNDS = 200;
const CALL_ROWS = [1, 4, 16, 64];
/** This machine, where thinker and pods share two cores; and pods on machines of their own. */
const CORES = 2;
const NETWORKS_US = [0, 100, 250, 500, 1000];
const LAYERS = [30, 48, 60];

/**
 * SmolLM2 upcycled to 8 experts, 2 for a token: the step co-located and over pods, calls by size, and a model of the
 * step that is fitted on calls and on the steps with one pod, and checked against those with several. `--layers N`
 * (30) takes the first ones.
 */
export async function experts(argv: string[]): Promise<BenchReport> {
  const at = argv.indexOf('--layers');
  const layers = at < 0 ? 30 : Number(argv[at + 1]);
  if (!(Number.isInteger(layers) && layers >= 1 && layers <= 30)) throw new Error('--layers must be 1 to 30');
  const made = upcycledLadder({ layers });
  if ('missing' in made) throw new Error(made.missing);
  const { model } = (await openLadder(made.mixture)).config;
  if (!model.experts) throw new Error('the upcycled ladder must be a mixture');
  const shape: MixtureShape = {
    layers,
    experts: model.experts.count,
    perToken: model.experts.perToken,
    hiddenSize: model.hiddenSize,
    rowBytes: model.hiddenSize * 2 + model.hiddenSize / 8,
  };

  const fleets: ExpertProcesses[] = [];
  const local = await startLocal(made.mixture);
  try {
    const [one, ...more] = PODS as [number, ...number[]];
    fleets.push(await startExpertProcesses(made.mixture, shape.experts, one));
    // While few processes are there.
    const calls = await measureCalls(fleets[0]?.pods[0] as string, shape);
    const steady = await measureSteady(fleets[0]?.pods[0] as string, shape);
    for (const pods of more) fleets.push(await startExpertProcesses(made.mixture, shape.experts, pods));
    const steps = await measureSteps([local, ...fleets.map(({ thinker }) => thinker)]);
    return conclude(shape, calls, steady, steps);
  } finally {
    for (const fleet of fleets) await fleet.stop();
    await local.stop();
  }
}

interface MeasuredCall {
  rows: number;
  experts: number;
  times: CallTime[];
}

async function measureCalls(
  address: string,
  { hiddenSize, experts, layers }: MixtureShape,
): Promise<MeasuredCall[]> {
  const sizes = [1, 2, experts / 2, experts].flatMap((count) =>
    CALL_ROWS.map((rows) => ({ rows, experts: count })),
  );
  const shapes = sizes.map(({ rows, experts: count }, at) => ({
    // Another layer each time, so that weights come from memory as in a step.
    layer: at % layers,
    stage: 4,
    hiddenSize,
    rows,
    experts: [...Array(count).keys()],
  }));
  const times = await timeCalls(address, shapes, CALL_ROUNDS);
  return sizes.map((size, at) => ({ ...size, times: times[at] as CallTime[] }));
}

/** The call of the bar, one after the other, a layer further each time. */
async function measureSteady(address: string, { hiddenSize, layers }: MixtureShape): Promise<MeasuredCall> {
  const shapes = [...Array(layers).keys()].map((layer) => ({
    layer,
    stage: 4,
    hiddenSize,
    rows: 64,
    experts: [0],
  }));
  const times = await timeCalls(address, shapes, Math.ceil(400 / layers));
  return { rows: 64, experts: 1, times: times.flat() };
}

/** By streams, then by split (co-located first): microseconds of each round. */
async function measureSteps(thinkers: readonly ThinkerProcess[]): Promise<number[][][]> {
  const steps = STREAMS.map(() => thinkers.map((): number[] => []));
  for (let round = -1; round < ROUNDS; round++) {
    for (const [at, streams] of STREAMS.entries()) {
      for (const [split, thinker] of thinkers.entries()) {
        const us = await stepTime(thinker, streams, TOKENS);
        if (round >= 0) steps[at]?.[split]?.push(us);
      }
    }
  }
  return steps;
}

function conclude(
  shape: MixtureShape,
  calls: MeasuredCall[],
  steady: MeasuredCall,
  steps: number[][][],
): BenchReport {
  const p = (values: number[], q: number) => quantile(values, q);
  const beyond = ({ times }: MeasuredCall) =>
    times.map(({ roundTripUs, computeUs }) => roundTripUs - computeUs);
  const callRows = [...calls, steady].map((call): Row => {
    const trips = call.times.map(({ roundTripUs }) => roundTripUs);
    return {
      call: call === steady ? 'the same each time' : 'sizes in turn',
      rows: call.rows,
      experts: call.experts,
      bytes: call.times[0]?.bytes ?? 0,
      'p50 µs': p(trips, 0.5),
      'p99 µs': p(trips, 0.99),
      'arithmetic p50 µs': median(call.times.map(({ computeUs }) => computeUs)),
      'beyond p50 µs': median(beyond(call)),
    };
  });
  const calling: CallCosts = {
    compute: fitLine(
      calls.map(({ rows, experts }) => [1, experts, rows * experts]),
      calls.map(({ times }) => median(times.map(({ computeUs }) => computeUs))),
    ),
    hop: fitLine(
      calls.map(({ times }) => [1, times[0]?.bytes ?? 0]),
      calls.map((call) => median(beyond(call))),
    ),
    thinker: [0, 0],
  };

  const localUs = steps.map(([first]) => median(first as number[]));
  const here = (pods: number) => ({ pods, cores: CORES, networkUs: 0 });
  const thinker = fitLine(
    STREAMS.map((streams) => [1, streams]),
    STREAMS.map((streams, at) => {
      const onePod = median(steps[at]?.[1] ?? []);
      return (onePod - predictStep(calling, shape, streams, localUs[at] as number, here(1))) / shape.layers;
    }),
  );
  const costs: CallCosts = { ...calling, thinker };
  const errors: number[] = [];
  const stepRows = STREAMS.flatMap((streams, at) =>
    ['co-located', ...PODS].map((split, index): Row => {
      const us = median(steps[at]?.[index] ?? []);
      const predicted =
        typeof split === 'number'
          ? predictStep(costs, shape, streams, localUs[at] as number, {
              pods: split,
              cores: CORES,
              networkUs: 0,
            })
          : us;
      if (typeof split === 'number' && split > 1) errors.push(Math.abs(predicted / us - 1));
      return {
        streams,
        experts: typeof split === 'number' ? `${split} pods` : split,
        'step ms': us / 1000,
        'ms a token': us / 1000 / streams,
        // Of the same round each.
        'times co-located': median(
          (steps[at]?.[index] ?? []).map((v, i) => v / (steps[at]?.[0]?.[i] ?? Number.NaN)),
        ),
        'predicted ms': predicted / 1000,
      };
    }),
  );

  const local = fitLine(
    STREAMS.map((streams) => [1, streams]),
    localUs,
  );
  const evenRows = LAYERS.flatMap((layers) =>
    NETWORKS_US.map((networkUs): Row => {
      const scaled = { ...shape, layers };
      const localOf = (tokens: number) =>
        (((local[0] as number) + (local[1] as number) * tokens) * layers) / shape.layers;
      const even = (pods: number) =>
        breakEven(costs, scaled, localOf, { pods, cores: Number.POSITIVE_INFINITY, networkUs }) ?? 'never';
      return {
        layers,
        'network µs a call': networkUs,
        'break-even tokens, 2 pods': even(2),
        '4 pods': even(4),
        '8 pods': even(8),
      };
    }),
  );
  const fits: Row = {
    'arithmetic µs': `${costs.compute.map((v) => v.toPrecision(3)).join(' + ')} · experts, · pairs`,
    'beyond it µs': `${costs.hop[0]?.toPrecision(3)} + ${(1000 * (costs.hop[1] as number)).toPrecision(3)} · kB`,
    'of the thinker, µs a layer': `${thinker[0]?.toPrecision(3)} + ${thinker[1]?.toPrecision(3)} · tokens`,
    'median error of the predicted step': median(errors),
  };
  return report(
    'experts',
    [...callRows, ...stepRows, fits, ...evenRows],
    [bar('experts.call-64.beyond-ms', median(beyond(steady)) / 1000, 1, 'lower')],
  );
}
