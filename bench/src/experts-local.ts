import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { upcycledLadder } from '@zen/testing';
import { bytesPerToken, type MixtureReads } from './bytes-per-token';
import { LadderEngine } from './ladder-engine';
import { type BenchReport, bar, median, type Row, report } from './report';
import { PROMPT_TEXT } from './subjects';

const ROUNDS = 7;
const DECODE_TOKENS = 48;
const PROMPT_TOKENS = 32;
const PREFILL_TOKENS = 512;
const STREAMS = 8;
/** Time per token against the active weights' bytes at the dense engine's bytes per second. */
const BAR = 1.15;

/**
 * SmolLM2's first layers and the mixture made of them (8 experts, 2 for a token) in one process, in turns. The mixture's tokens read more
 * bytes; what it may take is what the dense model's engine takes for so many, and 15 % more.
 */
export async function expertsLocal(argv: string[]): Promise<BenchReport> {
  const at = argv.indexOf('--layers');
  const layers = at < 0 ? 12 : Number(argv[at + 1]);
  const ladders = upcycledLadder({ layers });
  if ('missing' in ladders) throw new Error(ladders.missing);
  const threads = availableParallelism();
  const rows: Row[] = [await coldStart(ladders.mixture, threads)];
  const dense = await LadderEngine.open(ladders.dense, threads);
  const mixture = await LadderEngine.open(ladders.mixture, threads);
  const experts = (mixture.config.model.experts?.count ?? 0) * mixture.config.model.layers;
  const text = dense.tokenizer.encode(PROMPT_TEXT.repeat(4));
  const top = dense.stages - 1;
  const ratios: Record<string, number> = {};

  /** Both models do `work` in turns; the mixture's time over what its bytes would take. */
  const compare = async (
    name: string,
    stage: number,
    reads: MixtureReads,
    work: (engine: LadderEngine) => Promise<number>,
  ) => {
    mixture.model.setExpertCaps(new Int8Array(experts).fill(reads.expertStage ?? top));
    const times = { dense: [] as number[], mixture: [] as number[] };
    for (let round = -1; round < ROUNDS; round++) {
      const denseMs = await work(dense);
      const mixtureMs = await work(mixture);
      if (round < 0) continue; // pages, merged planes
      times.dense.push(denseMs);
      times.mixture.push(mixtureMs);
    }
    const bytes = {
      dense: bytesPerToken(dense.config, stage, reads),
      mixture: bytesPerToken(mixture.config, stage, reads),
    };
    const allowed = bytes.mixture / bytes.dense;
    const ratio = median(times.mixture.map((ms, i) => ms / ((times.dense[i] ?? Number.NaN) * allowed)));
    // On a busy machine the best says what the engines can do, the median what they did.
    const best = { dense: Math.min(...times.dense), mixture: Math.min(...times.mixture) };
    ratios[name] = ratio;
    rows.push({
      work: name,
      'dense ms': median(times.dense),
      'mixture ms': median(times.mixture),
      'dense MB': bytes.dense / 1e6,
      'mixture MB': bytes.mixture / 1e6,
      ratio,
      'best ratio': best.mixture / (best.dense * allowed),
    });
  };
  const decode = (stage: number) => async (engine: LadderEngine) => {
    const timing = await engine.generate(stage, text.subarray(0, PROMPT_TOKENS), DECODE_TOKENS);
    return timing.decodeMs / timing.produced;
  };
  for (const stage of [0, top]) await compare(`decode, stage ${stage}`, stage, {}, decode(stage));
  await compare(`decode, stage ${top}, experts capped at 0`, top, { expertStage: 0 }, decode(top));
  await compare(`decode of ${STREAMS}, stage ${top}`, top, { tokens: STREAMS }, async (engine) => {
    const prompts = Array.from({ length: STREAMS }, (_, i) => text.subarray(8 * i, 8 * i + PROMPT_TOKENS));
    return engine.decodeTogether(top, prompts, DECODE_TOKENS / 2);
  });
  // Arithmetic, not bytes: every token multiplies with the experts that it chose.
  await compare(`prefill of ${PREFILL_TOKENS}, stage ${top}`, top, { headless: true }, async (engine) => {
    const timing = await engine.generate(top, text.subarray(0, PREFILL_TOKENS), 0);
    return timing.prefillMs;
  });
  const bars = [0, top].map((stage) =>
    bar(`experts-local.stage ${stage}.ratio`, ratios[`decode, stage ${stage}`] ?? Number.NaN, BAR, 'lower'),
  );
  dense.model.close();
  mixture.model.close();
  return report('experts-local', rows, bars, mixture.kernels);
}

/** The mixture's first tokens when no page of it is in memory, and what its experts take before and after. */
async function coldStart(folder: string, threads: number): Promise<Row> {
  const blobs = join(folder, 'blobs', 'sha256');
  for (const file of readdirSync(blobs)) {
    // Drops the file's pages from the system's cache.
    const { status } = spawnSync('dd', [`if=${join(blobs, file)}`, 'iflag=nocache', 'count=0']);
    if (status !== 0) throw new Error('dd cannot drop the pages of a file');
  }
  const started = performance.now();
  const engine = await LadderEngine.open(folder, threads);
  const attachedMs = performance.now() - started;
  const top = engine.stages - 1;
  const prompt = engine.tokenizer.encode(PROMPT_TEXT).subarray(0, 1);
  const before = engine.model.stats().mergedBytes;
  const first = await engine.generate(top, prompt, 8);
  const used = engine.model.takeExpertLoad().filter((rows) => rows > 0).length;
  const later = await engine.generate(top, prompt, 8);
  const row = {
    work: 'cold pages',
    'attach ms': attachedMs,
    'first 9 tokens ms': first.prefillMs + first.decodeMs,
    'again ms': later.prefillMs + later.decodeMs,
    'experts used': used,
    'merged MB before': before / 1e6,
    'merged MB after': engine.model.stats().mergedBytes / 1e6,
  };
  engine.model.close();
  return row;
}
