import { availableParallelism } from 'node:os';
import { deltaModel } from '@zen/deltas';
import { type DeltaPart, GREEDY } from '@zen/engine';
import { LadderEngine } from '../ladder-engine';
import { type BenchReport, bar, median, type Row, report } from '../report';
import { ladderOf, SUBJECTS } from '../subjects';
import { type Batch, compare, DecodingBatch, scopeOf } from './delta-steps';
import { deltaBytes, RECIPES, type Recipe, randomDelta } from './random-delta';

const ROUNDS = 40;
const STREAMS = 16;
const RESIDENT = [16, 64, 1000];
const DENSE = 16;
const SLOTS = { slots: 1024, slotBytes: 128 * 1024, denseSlots: DENSE + 8 };
const LOADS = 15;

/** Steps of sequences that have deltas against the same steps without, in turns; SmolLM2 at its top stage. */
export async function deltas(argv: string[]): Promise<BenchReport> {
  const at = argv.indexOf('--model');
  const subject = SUBJECTS.find(({ name }) => name === (at < 0 ? 'smollm2-135m-instruct' : argv[at + 1]));
  if (!subject) throw new Error('--model must be a subject of the benchmarks');
  const engine = await LadderEngine.open(ladderOf(subject), availableParallelism(), SLOTS);
  const { model, config } = engine;
  const stage = engine.stages - 1;
  const rows: Row[] = [];
  const bars = [];
  const shape = deltaModel(config.model);
  const make = (recipe: Recipe, seed: number): DeltaPart[] => randomDelta(shape, recipe, seed);
  const load = (recipe: Recipe, seed: number) => model.loadDelta(make(recipe, seed));
  const measure = async (what: string, batch: () => Batch): Promise<number> => {
    const { baseMs, deltaMs, ratio } = await compare(model, stage, batch, ROUNDS);
    rows.push({ what, streams: batch().length, 'base ms': baseMs, 'with deltas ms': deltaMs, ratio });
    return ratio;
  };

  for (const [key, recipe] of Object.entries(RECIPES)) {
    const parts = make(recipe, 1);
    const times: number[] = [];
    for (let i = 0; i < LOADS; i++) {
      const started = performance.now();
      const delta = await model.loadDelta(parts);
      times.push(performance.now() - started);
      model.freeDelta(delta);
    }
    rows.push({ recipe: key, about: recipe.name, bytes: deltaBytes(parts), 'load ms': median(times) });
  }

  const small: number[] = [];
  let drawn = 1;
  const draw = (count: number) => {
    const chosen = new Set<number>();
    while (chosen.size < count) {
      drawn = (Math.imul(drawn, 1_664_525) + 1_013_904_223) >>> 0;
      chosen.add(small[Math.floor((drawn / 2 ** 32) * small.length)] as number);
    }
    return [...chosen];
  };
  for (const resident of RESIDENT) {
    while (small.length < resident) small.push(await load(RECIPES.lora1, small.length));
    const ratio = await measure(`lora1, ${STREAMS} of ${resident} resident`, () => draw(STREAMS));
    if (resident === STREAMS) bars.push(bar('deltas.smollm2.lora1.16', ratio, 1.25, 'lower'));
  }
  rows.push(await switching(engine, stage, small));

  const some = async (recipe: Recipe, count: number, seed: number) => {
    const loaded: number[] = [];
    for (let i = 0; i < count; i++) loaded.push(await load(recipe, seed + i));
    return loaded;
  };
  for (const delta of small.splice(STREAMS)) model.freeDelta(delta);
  const rank3 = await some(RECIPES.lora1All, STREAMS, 5000);
  await measure('lora1 of rank 3 on all modules, 16 deltas', () => rank3);
  const dense = await some(RECIPES.dense1, DENSE, 7000);
  for (const streams of [1, 4, 16]) {
    await measure('dense1, one delta', () => Array.from({ length: streams }, () => dense[0] as number));
    if (streams > 1) await measure(`dense1, ${streams} deltas`, () => dense.slice(0, streams));
  }
  const [attention, vectors] = [await some(RECIPES.attn1, 2, 8000), await some(RECIPES.vec, 2, 9000)];
  const brains = await some(RECIPES.lora16, 2, 9500);
  await measure('vec, 2 deltas', () => Array.from({ length: STREAMS }, (_, i) => vectors[i % 2] as number));
  await measure('lora16, 2 deltas', () => Array.from({ length: STREAMS }, (_, i) => brains[i % 2] as number));
  const mixed: Batch = [
    ...Array.from({ length: 4 }, () => null),
    ...small.slice(0, 4),
    ...[0, 0].map((i) => dense[i] as number),
    ...attention,
    ...vectors,
    ...brains,
  ];
  await measure('all recipes: 4 base, 4 lora1, 2 dense1 of one, 2 attn1, 2 vec, 2 lora16', () => mixed);
  model.close();
  return report('deltas', rows, bars, engine.kernels);
}

/** What it costs that the next step is another user's. */
async function switching({ model }: LadderEngine, stage: number, small: readonly number[]): Promise<Row> {
  const times: number[] = [];
  for (let i = 0; i < 500; i++) {
    const delta = small[i % small.length] as number;
    const identity = { delta, scope: scopeOf(delta) };
    const started = performance.now();
    const sequence = model.createSequence(GREEDY, undefined, identity);
    times.push((performance.now() - started) * 1000);
    model.freeSequence(sequence);
  }
  const [one, other] = [0, 1].map((at) => new DecodingBatch(model, stage, () => [small[at] as number]));
  const gaps: number[] = [];
  for (let round = 0; one && other && round < ROUNDS; round++) {
    await one.step();
    const same = await one.step();
    gaps.push(((await other.step()) - same) * 1000);
  }
  one?.end();
  other?.end();
  return { what: 'switch', 'new sequence µs': median(times), 'step after a switch, more µs': median(gaps) };
}
