import { TalkerServiceDefinition, TranscriberServiceDefinition } from '@zen/contracts';
import { client } from '@zen/rpc';
import { median, type Row } from '../report';
import { listenTo } from './listen-to';
import { normalWords } from './normal-words';
import { resampled } from './resampled';
import { KINDS, type Kind, sentences } from './sentences';
import { speakText } from './speak-text';
import { VOICES } from './speech-stack';
import { wordErrors } from './word-errors';

const EARS_RATE = 16_000;

interface Trip {
  voice: string;
  kind: Kind;
  words: number;
  errors: number;
  /** Work per second of audio. */
  rtf: number;
}

/** Text to speech to text, each voice over gRPC: what comes back. Prints what did not where `verbose`. */
export async function roundTrip(
  address: string,
  perKind: number,
  verbose: boolean,
): Promise<{ rows: Row[]; errorRate: Map<string, number>; rtf: number }> {
  const talker = client(TalkerServiceDefinition, address);
  const ears = client(TranscriberServiceDefinition, address);
  const trips: Trip[] = [];
  try {
    for (const { kind, text } of sentences(perKind)) {
      for (const voice of VOICES) {
        const { samples, sampleRate, computeMs } = await speakText(talker, voice, text);
        const heard = await listenTo(ears, resampled(samples, sampleRate, EARS_RATE));
        const words = normalWords(text);
        const errors = wordErrors(words, normalWords(heard));
        if (verbose && errors > 0) console.error(`${voice}: ${text}\n   -> ${heard}`);
        trips.push({
          voice,
          kind,
          words: words.length,
          errors,
          rtf: computeMs / 1000 / (samples.length / sampleRate),
        });
      }
    }
  } finally {
    talker.close();
    ears.close();
  }
  const rate = (some: Trip[]) => sum(some, ({ errors }) => errors) / sum(some, ({ words }) => words);
  const rows = VOICES.map((voice) => {
    const own = trips.filter((trip) => trip.voice === voice);
    const byKind = KINDS.map((kind) => [`${kind} %`, 100 * rate(own.filter((trip) => trip.kind === kind))]);
    return {
      voice,
      sentences: own.length,
      words: sum(own, ({ words }) => words),
      'word errors %': 100 * rate(own),
      ...Object.fromEntries(byKind),
      'rtf work': median(own.map(({ rtf }) => rtf)),
    } as Row;
  });
  const errorRate = new Map(
    VOICES.map((voice) => [voice, rate(trips.filter((trip) => trip.voice === voice))]),
  );
  return { rows, errorRate, rtf: median(trips.map(({ rtf }) => rtf)) };
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}
