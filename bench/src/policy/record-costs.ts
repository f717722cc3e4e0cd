import { writeFileSync } from 'node:fs';
import { type BenchReport, median, type Row, report } from '../report';
import type { ThinkerProcess } from '../thinker-process';
import { familyOf } from './family';
import { openThinker } from './family-server';
import { costsFile, type RecordedCosts, type RecordedModel, type RecordedStage } from './recorded-costs';
import { answerTimesMs, answerTokens } from './thinker-answers';

/** Batches that the policy is asked about, with the decode steps that are timed at each. */
const BATCHES = [
  { sequences: 1, steps: 24 },
  { sequences: 8, steps: 12 },
  { sequences: 32, steps: 6 },
];
const SHORT = 8;
const LONG = 136;
const ROUNDS = 3;

/** Records what every stage of a family's members costs in a real thinker, and writes it for the simulator. */
export async function recordCosts(argv: string[]): Promise<BenchReport> {
  const family = familyOf(argv);
  const models: RecordedModel[] = [];
  for (const name of family.models) {
    const thinker = await openThinker(name);
    models.push(await recordModel(name, thinker));
    await thinker.stop();
  }
  const contention = await recordContention(family.models);
  const rows = models.flatMap(({ model, stages }) => stages.map((stage) => rowOf(model, stage)));
  rows.push({ model: 'both at once', 'batch 8': contention });
  const made = report('costs', rows, []);
  const { commit, machine } = made;
  const command = ['npm run bench -- costs', ...argv].join(' ');
  const costs: RecordedCosts = { command, commit, machine, contention, models };
  writeFileSync(costsFile(family.name), `${JSON.stringify(costs, null, 2)}\n`);
  return made;
}

async function recordModel(model: string, thinker: ThinkerProcess): Promise<RecordedModel> {
  const { stages, minServableStage } = await thinker.client.describe({});
  const recorded: RecordedStage[] = [];
  for (const { stage, servable, quality } of stages) {
    const decodeUs = [];
    for (const { sequences, steps } of BATCHES) {
      const gaps = await decodeGapsUs(thinker, stage, sequences, steps);
      decodeUs.push({ sequences, us: Math.round(median(gaps)) });
    }
    const perToken = [];
    for (let round = 0; round < ROUNDS; round++) {
      const short = await firstUs(thinker, stage, SHORT);
      const long = await firstUs(thinker, stage, LONG);
      perToken.push((long - short) / (LONG - SHORT));
    }
    recorded.push({
      stage,
      servable: servable && stage >= minServableStage,
      top1: quality?.top1 ?? null,
      jsonValid: quality?.jsonValid ?? null,
      decodeUs,
      prefillUsPerToken: Math.round(median(perToken)),
    });
  }
  return { model, stages: recorded };
}

/** Microseconds between the tokens of each answer while all of them decode. */
async function decodeGapsUs(
  thinker: ThinkerProcess,
  stage: number,
  sequences: number,
  steps: number,
): Promise<number[]> {
  let begun = 0;
  const gaps: number[] = [];
  const one = async () => {
    let last = 0;
    let whole = 0;
    let seen = 0;
    // Prompts are computed in turns: an answer goes on until the last one has begun and for `steps` more.
    await answerTokens(thinker, stage, SHORT, steps + sequences + 1, () => {
      const now = performance.now();
      if (seen++ === 0) begun++;
      else if (begun === sequences && ++whole > 1 && whole <= steps) gaps.push((now - last) * 1000);
      last = now;
    });
  };
  await Promise.all(Array.from({ length: sequences }, one));
  return gaps;
}

async function firstUs(thinker: ThinkerProcess, stage: number, promptTokens: number): Promise<number> {
  const [firstMs = Number.NaN] = await answerTimesMs(thinker, stage, promptTokens, 1);
  return firstMs * 1000;
}

/** Each member decodes 8 sequences at its top stage, alone and beside the other. */
async function recordContention([best, other]: readonly string[]): Promise<number> {
  const [a, b] = [await openThinker(best!), await openThinker(other!)];
  const top = 4;
  const aloneA = median(await decodeGapsUs(a, top, 8, 12));
  const aloneB = median(await decodeGapsUs(b, top, 8, 12));
  let stop = false;
  const busy = (async () => {
    while (!stop) await decodeGapsUs(a, top, 8, 12);
  })();
  const besideB = median(await decodeGapsUs(b, top, 8, 24));
  stop = true;
  await busy;
  stop = false;
  const busyB = (async () => {
    while (!stop) await decodeGapsUs(b, top, 8, 12);
  })();
  const besideA = median(await decodeGapsUs(a, top, 8, 12));
  stop = true;
  await busyB;
  await a.stop();
  await b.stop();
  return Math.sqrt((besideA / aloneA) * (besideB / aloneB));
}

function rowOf(model: string, { stage, top1, decodeUs, prefillUsPerToken }: RecordedStage): Row {
  const at = (sequences: number) => decodeUs.find((one) => one.sequences === sequences)?.us ?? Number.NaN;
  // What a straight line through 1 and 8 says of 32: how far an affine cost is off.
  const line = at(1) + ((at(8) - at(1)) / 7) * 31;
  return {
    model,
    stage,
    top1,
    'batch 1': at(1) / 1000,
    'batch 8': at(8) / 1000,
    'batch 32': at(32) / 1000,
    'affine at 32': line / at(32),
    'prefill ms/token': prefillUsPerToken / 1000,
  };
}
