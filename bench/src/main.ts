import { batch } from './batch';
import { cold } from './cold';
import { deltaScale } from './delta-scale/delta-scale';
import { deltas } from './deltas/deltas';
import { deltasQuality } from './deltas-quality/deltas-quality';
import { experts } from './experts/experts';
import { expertsLocal } from './experts-local';
import { run as gateway } from './gateway';
import { layers } from './layers';
import { memory } from './memory';
import { placement } from './placement/placement';
import { measureFamily } from './policy/measure-family';
import { policy } from './policy/policy';
import { recordCosts } from './policy/record-costs';
import { progressive } from './progressive/progressive';
import { type BenchReport, loadAtStart, printTable } from './report';
import { routing } from './routing/routing';
import { speculation } from './speculation/speculation';
import { speech } from './speech/speech';
import { decode, prefill } from './speed';

interface Bench {
  about: string;
  /** What it takes besides `--model`. */
  options?: string;
  run(argv: string[]): Promise<BenchReport>;
}

/** Each benchmark says what it measures; the bars are the project's own promises. */
const BENCHES: Record<string, Bench> = {
  decode: { about: 'single-stream tokens/s per stage against llama.cpp', run: decode },
  prefill: { about: 'a 512-token prompt per stage against llama.cpp', run: prefill },
  batch: { about: '8 and 32 streams against one', run: batch },
  memory: { about: 'resident bytes of the thinker', run: memory },
  speculation: { about: 'drafting against plain decoding, per drafter and stage', run: speculation },
  deltas: { about: 'steps with deltas against steps without, switches and loads', run: deltas },
  'experts-local': {
    about: 'a mixture in one process against the dense model: bytes, caps, cold pages',
    options: '--layers N (30)',
    run: expertsLocal,
  },
  speech: {
    about: 'spoken conversations: first audio, underruns, barge-in, word errors, what the platform adds',
    options:
      '--only PART,… (paced, conversations, whole, hundredth, bargein, roundtrip), --quick, --verbose; --soak TIME (1h) alone, with --sessions N (8)',
    run: speech,
  },
  gateway: { about: 'time added by the gateway, streams held', run: gateway },
  routing: {
    about: 'requests that follow their prefix against round robin, three replicas',
    options: '--quick, --calibrate',
    run: routing,
  },
  placement: {
    about: 'which pod holds which experts, simulated: balance, moves, time to plan',
    run: placement,
  },
  'delta-scale': {
    about: '100,000 deltas, three replicas: store, tiers, added time, more than fit, a noisy tenant',
    options: '--quick, --deltas N (100,000)',
    run: deltaScale,
  },
  costs: {
    about: 'what each stage of a family costs at 1, 8 and 32; recorded for `policy`',
    options: '--family NAME',
    run: recordCosts,
  },
  policy: {
    about: 'which rung answers under load, simulated and on the real server',
    options: '--quick, --family NAME',
    run: policy,
  },
  family: {
    about: 'every rung of a family against its best source',
    options: '--quick, --family NAME',
    run: measureFamily,
  },
  cold: { about: 'process start to first token', run: cold },
  progressive: {
    about: 'first token on an empty disk, climbs under load, a bad connection',
    options: '--climbs N (200), --markdown',
    run: progressive,
  },
  'deltas-quality': {
    about: 'fine-tunes SmolLM2, makes every recipe of delta: what each keeps, against its bytes',
    options: '--text NAME, --bars, --fixtures',
    run: deltasQuality,
  },
  experts: {
    about: 'a mixture with its experts in 1, 2 and 4 pods against co-located; calls; break-even',
    options: '--layers N (30)',
    run: experts,
  },
  layers: { about: 'quality with a stage in some layers only', run: layers },
};

async function main(): Promise<void> {
  const [name = '--help', ...argv] = process.argv.slice(2);
  const bench = BENCHES[name];
  if (!bench) {
    const list = Object.entries(BENCHES).map(([key, { about }]) => `  ${key.padEnd(16)}${about}`);
    console.log(`usage: npm run bench -- NAME [--model NAME] [--help]\n\n${list.join('\n')}`);
    process.exit(name === '--help' ? 0 : 2);
  }
  if (argv.includes('--help')) {
    console.log(`${name}: ${bench.about}\n\nusage: npm run bench -- ${name} [--model NAME]`);
    if (bench.options) console.log(`options: ${bench.options}`);
    return;
  }
  if (loadAtStart > 1) console.error(`the machine is busy (load ${loadAtStart}): the figures are suspect`);
  const result = await bench.run(argv);
  printTable(result.results);
  for (const { name: which, value, bar, better, pass } of result.bars) {
    const sign = better === 'higher' ? '>=' : '<=';
    console.log(`${pass ? 'pass' : 'FAIL'}  ${which}: ${value.toPrecision(3)} (bar ${sign} ${bar})`);
  }
  console.log(JSON.stringify(result));
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
