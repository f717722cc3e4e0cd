import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { loadQuant, type NativeQuant } from '@zen/engine';
import { readCorpus } from '@zen/ladder';
import { LadderEngine } from '../ladder-engine';
import { type BenchReport, type Row, report } from '../report';
import { ladderOf } from '../subjects';
import { type BenchFamily, familyOf } from './family';
import { RESULTS } from './recorded-costs';

/** Tokens of one piece of text: its logits take 78 MB at Qwen's vocabulary. */
const PIECE = 128;

/** One rung against the family's best source, on the same text. */
export interface FamilyRow {
  model: string;
  stage: number;
  /** Share of tokens whose most likely continuation is the best source's. */
  top1: number;
  klMean: number;
  /** Perplexity divided by the best source's. */
  perplexityRatio: number;
  /** Weight of the member times the stage's own top1: what the gateway reckons with; null where it is not measured. */
  worth: number | null;
}

export interface MeasuredFamily {
  command: string;
  commit: string;
  tokens: number;
  /** Of each member, best first: the top1 of its own source. */
  weights: { model: string; weight: number }[];
  rungs: FamilyRow[];
}

export function familyFile(family: string): string {
  return join(RESULTS, `family-${family}.json`);
}

/** Null while nobody has measured the family. */
export function readFamily(family: string): MeasuredFamily | null {
  const file = familyFile(family);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as MeasuredFamily) : null;
}

/**
 * Measures every rung of a family against the source of its best member (whose top stage is bit-exact to it), so
 * that the rungs of all members have one order, and writes it.
 */
export async function measureFamily(argv: string[]): Promise<BenchReport> {
  const family = familyOf(argv);
  const threads = availableParallelism();
  const quant = loadQuant();
  quant.setThreads(threads);
  const engines = [];
  for (const model of family.models) {
    engines.push({ model, engine: await LadderEngine.open(ladderOf({ name: model }), threads) });
  }
  const [best] = engines;
  if (!best) throw new Error(`the family ${family.name} has no members`);
  const pieces = await piecesOf(best.engine, argv.includes('--quick') ? 8 : 48);
  const rungs: FamilyRow[] = [];
  const sums = engines.flatMap(({ model, engine }) =>
    [...Array(engine.stages).keys()].map((stage) => ({ model, engine, stage, sum: new Sum() })),
  );
  const vocab = best.engine.config.model.vocabSize;
  for (const [done, tokens] of pieces.entries()) {
    process.stderr.write(`piece ${done + 1} of ${pieces.length}\n`);
    const expected = await best.engine.model.logits(best.engine.stages - 1, tokens);
    for (const { engine, stage, sum } of sums) {
      if (engine.config.model.vocabSize !== vocab) throw new Error(`${family.name}: vocabularies differ`);
      await sum.add(quant, expected, await engine.model.logits(stage, tokens), tokens, vocab);
    }
  }
  const weights = engines.map(({ model, engine }) => {
    const top = sums.find((one) => one.model === model && one.stage === engine.stages - 1);
    return { model, weight: round(top?.sum.top1 ?? Number.NaN) };
  });
  for (const { model, engine, stage, sum } of sums) {
    const own = engine.config.stages[stage]?.quality?.top1;
    const weight = weights.find((one) => one.model === model)?.weight ?? Number.NaN;
    const worth = own === undefined ? null : round(weight * own);
    const { top1, klMean, perplexityRatio } = sum;
    rungs.push({
      model,
      stage,
      top1: round(top1),
      klMean: round(klMean),
      perplexityRatio: round(perplexityRatio),
      worth,
    });
  }
  for (const { engine } of engines) engine.model.close();
  return write(family, argv, pieces.length * PIECE, weights, rungs);
}

function write(
  family: BenchFamily,
  argv: string[],
  tokens: number,
  weights: MeasuredFamily['weights'],
  rungs: FamilyRow[],
): BenchReport {
  const made = report('family', rungs as unknown as Row[], []);
  const command = ['npm run bench -- family', ...argv].join(' ');
  const measured: MeasuredFamily = { command, commit: made.commit, tokens, weights, rungs };
  writeFileSync(familyFile(family.name), `${JSON.stringify(measured, null, 2)}\n`);
  return made;
}

/** Pieces spread over all evaluation texts, so that every kind is there. */
async function piecesOf({ tokenizer }: LadderEngine, most: number): Promise<Int32Array[]> {
  const all: Int32Array[] = [];
  for (const text of await readCorpus('evaluation')) {
    const tokens = tokenizer.encode('text' in text ? text.text : `${text.prompt}\n\n${text.answer}`);
    for (let at = 0; at + PIECE <= tokens.length; at += PIECE) all.push(tokens.slice(at, at + PIECE));
  }
  const step = Math.max(1, Math.floor(all.length / most));
  return all.filter((_, at) => at % step === 0).slice(0, most);
}

/** Sums over tokens of what `compareLogits` says of each: KL, loss of the source, loss of the rung, same top. */
class Sum {
  private tokens = 0;
  private same = 0;
  private kl = 0;
  private lossGap = 0;
  private targets = 0;

  async add(
    quant: NativeQuant,
    expected: Float32Array,
    found: Float32Array,
    tokens: Int32Array,
    vocab: number,
  ): Promise<void> {
    const targets = Int32Array.from(tokens, (_, at) => tokens[at + 1] ?? -1);
    const rows = await quant.compareLogits(expected, found, targets, vocab);
    for (let at = 0; at < rows.length; at += 4) {
      const [kl = 0, reference = 0, loss = 0, same = 0] = rows.subarray(at, at + 4);
      this.tokens++;
      this.kl += kl;
      this.same += same;
      if (Number.isNaN(reference)) continue;
      this.lossGap += loss - reference;
      this.targets++;
    }
  }

  get top1(): number {
    return this.same / this.tokens;
  }

  get klMean(): number {
    return this.kl / this.tokens;
  }

  get perplexityRatio(): number {
    return Math.exp(this.lossGap / this.targets);
  }
}

const round = (value: number) => Math.round(value * 1e4) / 1e4;
