import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BASES, deltaDataBytes, deltaSize, MODULES, RECIPE } from '@zen/deltas';
import { openLadder } from '@zen/ladder';
import { Tokenizer, type TokenizerSpec } from '@zen/tokenizer';
import { trainingPython } from '@zen/training';
import { type Bar, type BenchReport, bar, type Row, report } from '../report';
import { home, ladderOf, SUBJECTS, sourceFileOf } from '../subjects';
import { buildDelta } from './build-delta';
import { type Candidate, candidatesOf, FIXTURE_RANK, TEXTS, type Text } from './candidates';
import { keepFixture } from './fixtures';
import { type Measured, measure } from './measured';
import { train, type Workshop } from './trainings';

const SUBJECT = SUBJECTS[0]!;
/** Of the gain that the full fine-tune brings, what a dense delta and the best one of a user's size must keep. */
const DENSE_RETENTION = 0.927;
const USER_RETENTION = 0.8;
const USER_BYTES = 120_000;
const LARGEST_USER_BYTES = 600_000;
const DENSE_SHARE = 1 / 14;

interface Found {
  candidate: Candidate;
  bytes: number;
  retention: number;
  row: Row;
}

/**
 * Fine-tunes SmolLM2 on each text, makes every recipe's delta of it and measures them on held-out answers. Retention
 * is the share of the full fine-tune's gain in nats a token that a delta keeps. `--fixtures` writes the small deltas
 * into the tree; `--text NAME` measures one text, `--bars` only what the bars are about.
 */
export async function deltasQuality(argv: string[]): Promise<BenchReport> {
  const at = argv.indexOf('--text');
  const texts = at < 0 ? TEXTS : TEXTS.filter((text) => text === argv[at + 1]);
  if (texts.length === 0) throw new Error(`--text must be one of ${TEXTS.join(', ')}`);
  const { signal } = new AbortController();
  const shop: Workshop = {
    python: await trainingPython('finetune', home(), signal),
    source: await sourceFileOf(SUBJECT),
    folder: join(home(), 'finetune'),
    signal,
    progress: (line) => console.error(line),
  };
  const { config } = await openLadder(ladderOf(SUBJECT));
  const tokenizer = Tokenizer.from(config.tokenizer as TokenizerSpec);
  const rows: Row[] = [];
  const found: Found[] = [];
  for (const text of texts) {
    const one = await measureText(shop, tokenizer, text, argv);
    rows.push(...one.rows);
    found.push(...one.found);
  }
  return report('deltas-quality', [...rows, ...computed()], barsOf(found));
}

async function measureText(
  shop: Workshop,
  tokenizer: Tokenizer,
  text: Text,
  argv: string[],
): Promise<{ rows: Row[]; found: Found[] }> {
  const tuned = await train(shop, text, 'full', text === 'glossary' ? ['--rate', '2'] : []);
  const candidates = candidatesOf(text, !argv.includes('--bars'));
  const files: string[] = [];
  for (const candidate of candidates) files.push(await buildDelta(shop, candidate, tuned));
  const parameters = join(tuned, 'trained.safetensors');
  const [full, base, ...deltas] = await measure(shop, tokenizer, text, parameters, files);
  if (!full || !base) throw new Error('measure.py said nothing');
  const gain = base.nll - full.nll;
  const rowOf = (name: string, candidate: Candidate | null, bytes: number, measured: Measured): Row => ({
    text,
    delta: name,
    how: candidate?.how ?? null,
    modules: candidate?.modules ?? null,
    rank: candidate?.rank || null,
    steps: candidate?.steps || null,
    bytes,
    perplexity: Math.exp(measured.nll),
    retention: (base.nll - measured.nll) / gain,
    top1: measured.top1,
    generalPerplexityRatio: Math.exp(measured.generalNll - base.generalNll),
  });
  const found = await Promise.all(
    candidates.map(async (candidate, index): Promise<Found> => {
      const measured = deltas[index] as Measured;
      const { size: bytes } = await stat(files[index] as string);
      const row = rowOf(candidate.recipe, candidate, bytes, measured);
      return { candidate, bytes, retention: row.retention as number, row };
    }),
  );
  for (const [index, { recipe, rank, modules }] of candidates.entries()) {
    const kept = recipe === 'lora1' && rank === FIXTURE_RANK && modules === 'all';
    if (kept && argv.includes('--fixtures')) await keepFixture(text, files[index] as string);
  }
  const byBytes = [...found].sort((a, b) => a.bytes - b.bytes).map(({ row }) => row);
  return {
    rows: [rowOf('base', null, 0, base), ...byBytes, rowOf('full (bf16)', null, replacedBytes(), full)],
    found,
  };
}

/** Bytes of the linear weights of SmolLM2 in bfloat16. */
function replacedBytes(): number {
  const base = BASES.find(({ name }) => name === 'smollm2-135m')!;
  return 16 * (deltaDataBytes(base, deltaSize('dense1')) - scaleBytes());
}

/** Bytes of one float16 a row of every linear module. */
function scaleBytes(): number {
  const base = BASES.find(({ name }) => name === 'smollm2-135m')!;
  return deltaDataBytes(base, deltaSize('vec', { modules: MODULES }));
}

/** What the same recipes come to at the family's larger members. */
function computed(): Row[] {
  const sizes = [
    deltaSize('dense1'),
    deltaSize('attn1'),
    deltaSize('lora1', { rank: 4 }),
    deltaSize('lora1', { rank: 6 }),
    deltaSize('lora1', { rank: FIXTURE_RANK, modules: MODULES }),
    deltaSize('vec'),
    deltaSize('lora16', { rank: 8 }),
  ];
  return sizes.map((size) => ({
    recipe: size.recipe,
    ofRank: RECIPE[size.recipe].form.startsWith('lora') ? size.rank : null,
    over: size.modules.join(','),
    ...Object.fromEntries(BASES.map((base) => [base.name, deltaDataBytes(base, size)])),
  }));
}

function barsOf(found: Found[]): Bar[] {
  const bars: Bar[] = [];
  for (const text of TEXTS) {
    const own = found.filter(({ candidate }) => candidate.text === text);
    if (own.length === 0) continue;
    const best = (some: Found[]) => Math.max(...some.map(({ retention }) => retention));
    const dense = own.filter(({ candidate }) => candidate.recipe === 'dense1');
    bars.push(bar(`${text}.dense1.retention`, best(dense), DENSE_RETENTION, 'higher'));
    const share = Math.max(...dense.map(({ bytes }) => bytes)) / replacedBytes();
    bars.push(bar(`${text}.dense1.shareOfBf16`, share, DENSE_SHARE, 'lower'));
    const lora = own.filter(({ candidate }) => candidate.recipe === 'lora1');
    const small = lora.filter(({ bytes }) => bytes <= USER_BYTES);
    bars.push(bar(`${text}.lora1.retentionAtMost120KB`, best(small), USER_RETENTION, 'higher'));
    const under = own.filter(({ bytes }) => bytes <= LARGEST_USER_BYTES);
    bars.push(bar(`${text}.best.retentionUnder600KB`, best(under), USER_RETENTION, 'higher'));
  }
  return bars;
}
