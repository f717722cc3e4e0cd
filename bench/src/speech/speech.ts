import { type Bar, type BenchReport, bar, type Row, report } from '../report';
import { bargeIn } from './barge-in';
import { conversations } from './conversations';
import { hundredth } from './hundredth';
import { pacedStages } from './paced-stages';
import { fromItsOnset, INTERRUPTIONS, spokenQuestions } from './questions';
import { roundTrip } from './round-trip';
import { soak } from './soak';
import { type Part, readOptions, type SpeechOptions } from './speech-options';
import { type SpeechStack, startSpeechStack } from './speech-stack';
import { closedLoop } from './turns';
import { wholeAnswers } from './whole-answers';

const COUNTS = [1, 4, 8];
/** Of the talker, which holds ONNX Runtime's arenas; anything that grows for good passes it in an hour. */
const GROWN_MIB = 32;
/** A cache that fills up to its budget is no growth: this one is full within the time that does not count. */
const FULL_SOON = { ZEN_KV_BYTES: '128MiB' };

interface Found {
  rows: Row[];
  bars: Bar[];
}

/**
 * Spoken conversations through gateway, thinker and talker with real weights, each a process of its own, by the official
 * Realtime client. `--only PART,PART`, `--quick`, `--verbose`, `--soak 1h --sessions 8`.
 */
export async function speech(argv: string[]): Promise<BenchReport> {
  const options = readOptions(argv);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const found: Found = { rows: [], bars: [] };
  const add = ({ rows, bars }: Found) => {
    found.rows.push(...rows);
    found.bars.push(...bars);
  };
  if (options.parts.has('paced')) add(await paced(options));
  if ([...options.parts].some((part) => part !== 'paced')) {
    const stack = await startSpeechStack(options.sessions, options.parts.has('soak') ? FULL_SOON : {});
    try {
      for (const part of options.parts) {
        if (part === 'paced') continue;
        console.error(`speech: ${part}`);
        add(await RUN[part](stack, options));
      }
    } finally {
      stack.stop();
    }
  }
  return report('speech', found.rows, found.bars);
}

async function paced({ quick }: SpeechOptions): Promise<Found> {
  const { row, addedMs } = quick ? await pacedStages(10, 10) : await pacedStages(50);
  return { rows: [row], bars: [bar('speech.paced.added.p50.ms', addedMs, 10, 'lower')] };
}

const RUN: Record<Exclude<Part, 'paced'>, (stack: SpeechStack, options: SpeechOptions) => Promise<Found>> = {
  async conversations(stack, { quick }) {
    const questions = await spokenQuestions(stack.talker);
    await closedLoop(stack, 1, 2, questions);
    const { rows, hops, closed } = await conversations(
      stack,
      questions,
      quick ? [1, 4] : COUNTS,
      quick ? 3 : 8,
    );
    const figure = (sessions: number, name: string) => Number(closed.get(sessions)?.[name]);
    return {
      rows: [...rows, ...hops],
      bars: [
        bar('speech.ttfp.p50.ms', figure(1, 'ttfp p50 ms'), 350, 'lower'),
        bar('speech.4.underrun.s', figure(4, 'underrun s'), 0, 'lower'),
        bar(
          'speech.failed',
          rows.reduce((sum, row) => sum + Number(row.failed), 0),
          0,
          'lower',
        ),
      ],
    };
  },
  async whole(stack, { quick }) {
    const { row, sooner } = await wholeAnswers(stack, quick ? 3 : 9);
    return { rows: [row], bars: [bar('speech.streamed.sooner', sooner, 4, 'higher')] };
  },
  async hundredth(stack, { quick }) {
    const [question] = await spokenQuestions(stack.talker, ['What is the capital of France?']);
    const { row, ratio } = await hundredth(stack, question as Int16Array, quick ? 20 : 100);
    return { rows: [row], bars: [bar('speech.hundredth.ratio', ratio, 1.1, 'lower')] };
  },
  async bargein(stack, { quick }) {
    const said = await spokenQuestions(stack.talker, quick ? INTERRUPTIONS.slice(0, 3) : INTERRUPTIONS);
    const { row, p50Ms } = await bargeIn(stack, said.map(fromItsOnset), quick ? 1 : 7);
    return { rows: [row], bars: [bar('speech.bargein.p50.ms', p50Ms, 100, 'lower')] };
  },
  async roundtrip(stack, { quick, verbose }) {
    const { rows, errorRate } = await roundTrip(stack.talker, quick ? 4 : 36, verbose);
    const bars = [...errorRate].map(([voice, rate]) =>
      bar(`speech.wer.${voice}.percent`, 100 * rate, 5, 'lower'),
    );
    return { rows, bars };
  },
  async soak(stack, { sessions, soakSeconds }) {
    const questions = await spokenQuestions(stack.talker);
    const { rows, grownMiB, failed } = await soak(stack, questions, sessions, soakSeconds);
    return {
      rows,
      bars: [
        bar('speech.soak.grown.MiB', grownMiB, GROWN_MIB, 'lower'),
        bar('speech.soak.failed', failed, 0, 'lower'),
      ],
    };
  },
};
