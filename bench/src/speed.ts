import { availableParallelism } from 'node:os';
import { readBandwidth } from './bandwidth';
import { bytesPerToken } from './bytes-per-token';
import { LadderEngine } from './ladder-engine';
import { LlamaPeer, type Timing } from './peer';
import { type BenchReport, bar, median, type Row, report } from './report';
import { chosen, home, ladderOf, PROMPT_TEXT, type Subject, sourceFileOf } from './subjects';

/** What a prompt of the prefill benchmark has; decoding starts from a short one. */
const PREFILL_TOKENS = 512;
const DECODE_PROMPT_TOKENS = 32;
const ROUNDS = 5;

type Figure = (timing: Timing) => number;
const decodeRate: Figure = (t) => (t.produced / t.decodeMs) * 1000;
const prefillRate: Figure = (t) => (PREFILL_TOKENS / t.prefillMs) * 1000;

/** Single-stream decoding at every stage against llama.cpp on the same source file, in turns. */
export async function decode(argv: string[]): Promise<BenchReport> {
  return compare(
    'decode',
    argv,
    (subject) => subject.decodeTokens,
    decodeRate,
    (subject) => subject.decodeBar,
  );
}

/** A 512-token prompt at every stage against llama.cpp on the same source file, in turns. */
export async function prefill(argv: string[]): Promise<BenchReport> {
  return compare(
    'prefill',
    argv,
    () => 1,
    prefillRate,
    (subject) => subject.prefillBar,
  );
}

async function compare(
  name: 'decode' | 'prefill',
  argv: string[],
  tokens: (subject: Subject) => number,
  figure: Figure,
  limit: (subject: Subject) => number,
): Promise<BenchReport> {
  const threads = availableParallelism();
  const bandwidth = readBandwidth(threads);
  const rows: Row[] = [];
  const bars = [];
  let kernels = '';
  for (const subject of chosen(argv)) {
    const engine = await LadderEngine.open(ladderOf(subject), threads);
    kernels = engine.kernels;
    const promptTokens = name === 'prefill' ? PREFILL_TOKENS : DECODE_PROMPT_TOKENS;
    const prompt = engine.tokenizer.encode(PROMPT_TEXT).subarray(0, promptTokens);
    const peer = await LlamaPeer.start(home(), await sourceFileOf(subject), threads);
    const stages = [...Array(engine.stages).keys()];
    const ours = stages.map((): number[] => []);
    const theirs: number[] = [];
    const count = tokens(subject);
    // One uncounted round warms caches and pages on both sides.
    for (let round = -1; round < ROUNDS; round++) {
      const peerTiming = await peer.generate([...prompt], count);
      if (round >= 0) theirs.push(figure(peerTiming));
      for (const stage of stages) {
        const timing = await engine.generate(stage, prompt, count);
        if (round >= 0) ours[stage]?.push(figure(timing));
      }
    }
    peer.stop();
    engine.model.close();
    const peerRate = median(theirs);
    rows.push({ model: subject.name, subject: 'llama.cpp', 'tokens/s': peerRate, ratio: 1 });
    for (const stage of stages) {
      const rate = median(ours[stage] ?? []);
      // Ratios of the same round, so that a slow minute of the machine hits both sides.
      const ratio = median((ours[stage] ?? []).map((value, round) => value / (theirs[round] ?? Number.NaN)));
      const row: Row = { model: subject.name, subject: `stage ${stage}`, 'tokens/s': rate, ratio };
      if (name === 'decode') {
        const bytes = bytesPerToken(engine.config, stage);
        row['MB/token'] = bytes / 1e6;
        // What reading the weights alone would allow at this machine's bandwidth.
        row['limit tokens/s'] = bandwidth / bytes;
        row['of limit'] = (rate * bytes) / bandwidth;
      }
      rows.push(row);
      if (stage === engine.stages - 1)
        bars.push(bar(`${name}.${subject.name}.ratio`, ratio, limit(subject), 'higher'));
    }
  }
  return report(name, rows, bars, kernels);
}
