import { once } from 'node:events';
import { join } from 'node:path';
import { PacedThinker } from '@zen/testing';

/** The published stages, milliseconds: what is heard, the thinker's first token, and three of the talker. */
export const STAGES_MS = { preprocessing: 72, thinker: 88, talker: 57, predictor: 14, codec: 3 };

const DIST = join(__dirname, '..', '..', '..', 'services', 'talker', 'dist');
const VOICE = 'paced';
const RATE = 24_000;
const PIECES = 12;
const PIECE_MS = 10;
/** With the first one a clause is whole: what follows its end is there, too. */
const PIECE = 'So it is. And ';
const CLAUSE_SECONDS = 0.32;

/** A timer that a millisecond does not slip through: what it oversleeps would count as the platform's. */
async function exactly(ms: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms;
  await new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, ms - 2)));
  while (performance.now() < end && !signal.aborted)
    await new Promise<void>((resolve) => setImmediate(resolve));
}

type Say = (clause: object, signal: AbortSignal) => AsyncGenerator<object>;

/**
 * Says the first clause after the talker's three stages, and those after it at once. Not the paced voice of the tests:
 * clauses are found by the platform's own session, whose work is part of what is measured.
 */
class StagedVoice {
  readonly voices = [{ name: VOICE, language: 'en', sampleRate: RATE, takesTokenIds: false }];

  constructor(private readonly TextSession: new (say: Say) => object) {}

  open(): object {
    let isFirst = true;
    return new this.TextSession(async function* (_, signal) {
      const { talker, predictor, codec } = STAGES_MS;
      if (isFirst) await exactly(talker + predictor + codec, signal);
      isFirst = false;
      yield { samples: new Float32Array(RATE * CLAUSE_SECONDS), computeUs: 0, isLast: true };
    });
  }

  async close(): Promise<void> {}
}

/** Hears speech in everything, and words after the time of preprocessing. */
const pacedEars = {
  silero: {
    stream: () => ({
      push: async ({ length }: Float32Array) => Array(length / 512).fill(1),
      close: () => {},
    }),
    close: async () => {},
  },
  transcriber: {
    name: 'paced',
    languages: new Set(['en']),
    transcribe: async (_: object, __: string, signal: AbortSignal) => {
      await exactly(STAGES_MS.preprocessing, signal);
      const found = { text: 'Hello there.', ids: [1], wordEnds: [], language: 'en', computeUs: 0 };
      return { ...found, logProbability: 0, noSpeechProbability: 0, segments: [], words: [] };
    },
    close: async () => {},
  },
};

/** The real talker service with a voice and ears that take the stages' time. Services are no libraries, hence the paths. */
async function startTalker(): Promise<string> {
  const from = (name: string) => require(require.resolve(name, { paths: [DIST] }));
  const { settings } = require(join(DIST, 'config.js')) as { settings: object };
  const service = require(join(DIST, 'talker.js')) as {
    startTalker(
      config: object,
      open: () => object[],
      logger: object,
      ears: () => object,
    ): Promise<{ address: string }>;
  };
  const config = from('@zen/config').readConfig(settings, {
    ZEN_LISTEN: '127.0.0.1:0',
    ZEN_TALKER_VOICES: VOICE,
  });
  const voice = { voices: [VOICE], open: async () => new StagedVoice(from('@zen/speech').TextSession) };
  const logger = from('@zen/telemetry').createLogger('talker', 'warn');
  const ears = { open: async () => pacedEars };
  const { address } = await service.startTalker(
    config,
    () => [voice],
    logger,
    () => ears,
  );
  return address;
}

/** Run as a child: says where its thinker and its talker listen. */
async function main(): Promise<void> {
  const thinker = new PacedThinker({
    pieceMs: 0,
    piece: () => PIECE,
    before: (index, { maxTokens }, { signal }) => {
      // A beginning that is computed ahead makes no piece.
      if (index >= (maxTokens || PIECES)) return;
      return exactly(index === 0 ? STAGES_MS.thinker : PIECE_MS, signal);
    },
  });
  process.send?.({ thinker: await thinker.start(), talker: await startTalker() });
  await once(process, 'disconnect');
  process.exit(0);
}

if (require.main === module) void main();
