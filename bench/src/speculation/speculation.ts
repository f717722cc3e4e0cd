import { availableParallelism } from 'node:os';
import { backendOf } from '../engine-steps';
import { LadderEngine } from '../ladder-engine';
import { type BenchReport, bar, median, type Row, report } from '../report';
import { chosen, ladderOf, PROMPT_TEXT, type Subject } from '../subjects';
import { type DraftedAnswer, DraftingServer } from './drafted-answer';
import { type BenchPrompt, benchPrompts } from './prompts';
import { mixedRatio, stageDraft, stepMs } from './stage-drafts';

const ROUNDS = 4;
const ANSWER_TOKENS = { 'code edit': 192, 'free chat': 80 } as const;
/** Rows whose time is measured: plain decoding and checks of 1, 3, 7 and 15 guesses. */
const ROWS = [1, 2, 4, 8, 16] as const;
const STAGE_GUESSES = 3;
const STAGE_TOKENS = 24;
const CONTEXT = 2048;
const BARS = { 'code edit': 1.4, 'free chat': 1 } as const;

type Kind = BenchPrompt['kind'];

/** Drafting at the top stage against plain decoding, greedy, in turns; and what a step of mixed stages costs. */
export async function speculation(argv: string[]): Promise<BenchReport> {
  const rows: Row[] = [];
  const bars = [];
  let kernels = '';
  for (const subject of chosen(argv)) {
    const engine = await LadderEngine.open(ladderOf(subject), availableParallelism());
    kernels = engine.kernels;
    const prompts = await benchPrompts();
    const gains = await answers(engine, subject, prompts, rows);
    await byStage(engine, subject, prompts, rows);
    for (const kind of ['code edit', 'free chat'] as const) {
      if (!subject.name.startsWith('qwen')) continue;
      const name = `speculation.${subject.name}.${kind.replace(' ', '-')}`;
      bars.push(bar(name, gains[kind], BARS[kind], 'higher'));
    }
    const worst = await mixed(engine, subject, rows);
    bars.push(bar(`speculation.${subject.name}.mixed-step`, worst, 1, 'lower'));
    engine.model.close();
  }
  return report('speculation', rows, bars, kernels);
}

async function answers(
  engine: LadderEngine,
  subject: Subject,
  prompts: BenchPrompt[],
  rows: Row[],
): Promise<Record<Kind, number>> {
  const top = engine.stages - 1;
  const backend = backendOf(engine.model);
  const plain = new DraftingServer(backend, 'off', top, CONTEXT);
  const drafting = new DraftingServer(backend, 'auto', top, CONTEXT);
  const text = engine.tokenizer.encode(PROMPT_TEXT);
  for (let stage = 0; stage <= top; stage++) await drafting.measure(stage, text);
  const stop = Int32Array.from(engine.tokenizer.endIds);
  const turns = prompts.map(({ kind }) => ({ kind, plain: [] as number[], drafted: [] as number[] }));
  const all: Record<Kind, DraftedAnswer[]> = { 'code edit': [], 'free chat': [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, { kind, text: content }] of prompts.entries()) {
      const prompt = engine.tokenizer.renderChat([{ role: 'user', content }], { addGenerationPrompt: true });
      const ours = () => drafting.answer(prompt, stop, ANSWER_TOKENS[kind]);
      const theirs = () => plain.answer(prompt, stop, ANSWER_TOKENS[kind]);
      // Who goes first takes turns; the prompt comes from the prefix cache for the second.
      const [b, a] = round % 2 === 0 ? [await theirs(), await ours()] : swap(await ours(), await theirs());
      if (a.tokens.join() !== b.tokens.join()) throw new Error(`drafts changed an answer: ${content}`);
      // The first round reads weights that nobody has read yet.
      if (round > 0) {
        turns[at]?.plain.push(b.decodeMs);
        turns[at]?.drafted.push(a.decodeMs);
      }
      all[kind].push(a);
    }
  }
  const gains = { 'code edit': Number.NaN, 'free chat': Number.NaN };
  for (const kind of ['code edit', 'free chat'] as const) {
    const sum = (of: (answer: DraftedAnswer) => number) =>
      all[kind].reduce((total, one) => total + of(one), 0);
    const steps = sum((one) => one.draftedSteps);
    // Of each prompt the median time, and of those the sum: what somebody gains who asks all of them.
    const times = (of: 'plain' | 'drafted') =>
      turns.reduce((total, turn) => total + (turn.kind === kind ? median(turn[of]) : 0), 0);
    const tokens = sum((one) => one.tokens.length - 1) / ROUNDS;
    gains[kind] = times('plain') / times('drafted');
    rows.push({
      model: subject.name,
      subject: kind,
      drafter: 'auto',
      'plain tokens/s': (1000 * tokens) / times('plain'),
      'tokens/s': (1000 * tokens) / times('drafted'),
      gain: gains[kind],
      alpha:
        sum((one) => one.kept) /
        Math.max(
          1,
          sum((one) => one.judged),
        ),
      gamma: steps === 0 ? 0 : sum((one) => one.drafted) / steps,
      'drafted steps': steps / (steps + sum((one) => one.plainStepMs.length)),
      'check / plain step':
        median(all[kind].flatMap((one) => one.draftedStepMs)) /
        median(all[kind].flatMap((one) => one.plainStepMs)),
    });
  }
  return gains;
}

const swap = <T>(a: T, b: T): [T, T] => [b, a];

/** What each lower stage would bring as a drafter: its rate, its cost, and the gain that follows and is measured. */
async function byStage(
  engine: LadderEngine,
  subject: Subject,
  prompts: BenchPrompt[],
  rows: Row[],
): Promise<void> {
  const { model, tokenizer, stages } = engine;
  const top = stages - 1;
  const text = tokenizer.encode(PROMPT_TEXT).subarray(0, 64);
  const checks = new Map<number, number>();
  for (const count of ROWS) checks.set(count, await stepMs(model, text, top, count, 5));
  const plainMs = checks.get(1) as number;
  for (const count of ROWS) {
    const ratio = (checks.get(count) as number) / plainMs;
    rows.push({ model: subject.name, subject: `check of ${count - 1}`, 'check / plain step': ratio });
  }
  for (let lower = 0; lower < top; lower++) {
    const c = (await stepMs(model, text, lower, 1, 5)) / (await stepMs(model, text, top, 1, 5));
    for (const kind of ['code edit', 'free chat'] as const) {
      const content = prompts.find((one) => one.kind === kind)?.text ?? '';
      const prompt = tokenizer.renderChat([{ role: 'user', content }], { addGenerationPrompt: true });
      const drafted = await stageDraft(model, prompt, lower, top, STAGE_GUESSES, STAGE_TOKENS);
      const plain = await stageDraft(model, prompt, lower, top, 0, STAGE_TOKENS / 2);
      const { alpha } = drafted;
      // Expected tokens 1 + α + … + α^γ over the time that drafts and their check take.
      const formula = (gamma: number) => {
        let expected = 0;
        for (let i = 0; i <= gamma; i++) expected += alpha ** i;
        return expected / (gamma * c + (checks.get(gamma + 1) as number) / plainMs);
      };
      rows.push({
        model: subject.name,
        subject: kind,
        drafter: `stage ${lower}`,
        gain: plain.msPerToken / drafted.msPerToken,
        'best gain by formula': Math.max(...[1, 3, 7].map(formula)),
        alpha,
        c,
        gamma: STAGE_GUESSES,
      });
    }
  }
}

/** The worst ratio of all pairs of stages: one step of both over one step each. */
async function mixed(engine: LadderEngine, subject: Subject, rows: Row[]): Promise<number> {
  const { model, tokenizer, stages } = engine;
  const text = tokenizer.encode(PROMPT_TEXT);
  let worst = 0;
  for (let lower = 0; lower < stages - 1; lower++) {
    const row: Row = { model: subject.name, subject: `stages ${lower} and ${stages - 1} in one step` };
    for (const each of [1, 4]) {
      const ratio = await mixedRatio(model, text, lower, stages - 1, each, 4);
      row[`${each}+${each} / separate`] = ratio;
      worst = Math.max(worst, ratio);
    }
    rows.push(row);
  }
  return worst;
}
