import { deflateSync } from 'node:zlib';
import { type DecodedWindow, decodeWindow, detectLanguage, MAX_BEFORE } from './decode-window';
import { SAMPLE_RATE } from './mel-filters';
import { segmentsOf } from './segments';
import type { WindowRequest, WindowTranscript } from './transcript';
import type { EncodedAudio, WhisperModel } from './whisper-model';
import { findWords, wordsOf } from './words';

/** An answer that shrinks more than this goes in circles; one that is less likely than this is a guess. */
const MAX_COMPRESSION = 2.4;
const MIN_LOG_PROBABILITY = -1;
/** Above this, an unlikely answer means that nothing was said. */
const NO_SPEECH = 0.6;
/** Tried one after another while an answer is doubtful. */
const TEMPERATURES = [0, 0.4, 0.8];
/** The same audio is answered the same again. */
const SEED = 0x2545f491;

/** What is said in at most 30 s. */
export async function transcribeWindow(
  model: WhisperModel,
  request: WindowRequest,
  cancelled: () => boolean,
): Promise<WindowTranscript> {
  const began = performance.now();
  const { tokens } = model;
  const audio = await model.encode(request.samples);
  const language = request.language || (await detectLanguage(model, audio)).language;
  const decoded = await decodeSurely(model, audio, { ...request, language }, cancelled);
  const silent = request.thorough && isSilence(decoded);
  const ids = silent ? [] : decoded.ids;
  const logProbabilities = silent ? [] : decoded.logProbabilities;
  const { noSpeechProbability } = decoded;
  const said = ids.filter((id) => tokens.isText(id));
  const transcript: WindowTranscript = {
    text: tokens.text(said),
    ids: said,
    wordEnds: wordEnds(model, said, language),
    language,
    logProbability: decoded.logProbability,
    noSpeechProbability,
    segments: [],
    words: [],
    computeUs: 0,
  };
  if (request.thorough && (request.segmentTimes || request.wordTimes)) {
    const endMs = (1000 * request.samples.length) / SAMPLE_RATE;
    transcript.segments = segmentsOf(tokens, { ids, logProbabilities, noSpeechProbability }, endMs);
    if (request.wordTimes && said.length > 0) {
      const ofText = logProbabilities.filter((_, i) => tokens.isText(ids[i]!));
      const spoken = { ids: said, logProbabilities: ofText, noSpeechProbability };
      transcript.words = await findWords(model, audio, { ...request, language }, spoken, endMs);
    }
  }
  transcript.computeUs = Math.round(1000 * (performance.now() - began));
  return transcript;
}

function wordEnds({ tokens }: WhisperModel, ids: readonly number[], language: string) {
  let [count, characters] = [0, 0];
  return wordsOf(tokens, ids, language).map((word) => {
    count += word.length;
    characters += tokens.text(word).length;
    return { ids: count, characters };
  });
}

/** Decodes, and where the answer is doubtful and there is time, again by chance. */
async function decodeSurely(
  model: WhisperModel,
  audio: EncodedAudio,
  request: WindowRequest,
  cancelled: () => boolean,
): Promise<DecodedWindow> {
  const random = pseudoRandom(SEED);
  // What is forced has no times in it.
  const stamps = request.thorough && request.segmentTimes && request.forced.length === 0;
  const before = request.before === '' ? [] : model.tokens.encode(` ${request.before.trim()}`);
  const options = {
    language: request.language,
    translate: request.translate,
    stamps,
    before: before.slice(-MAX_BEFORE),
    random,
    cancelled,
    forced: stamps ? [] : request.forced,
    guess: stamps ? [] : request.guess,
  };
  const first = request.temperature;
  const temperatures = request.thorough ? [first, ...TEMPERATURES.filter((one) => one > first)] : [first];
  let best: DecodedWindow | null = null;
  let heard = audio;
  let mostRepeats = 1;
  for (let i = 0; i < temperatures.length; i++) {
    const temperature = temperatures[i]!;
    const guess = temperature === 0 && mostRepeats === 1 ? options.guess : [];
    const decoded = await decodeWindow(model, heard, { ...options, guess, temperature, mostRepeats });
    if (decoded.circles && request.thorough && mostRepeats === 1) {
      // With all the silence of a window it notices the end; what is said twice even so was said twice.
      heard = await model.encode(request.samples, 'whole');
      mostRepeats = 2;
      i--;
      continue;
    }
    if (isSilence(decoded) || !isDoubtful(model, decoded)) return decoded;
    if (best === null || decoded.logProbability > best.logProbability) best = decoded;
  }
  return best!;
}

function isSilence({ noSpeechProbability, logProbability }: DecodedWindow): boolean {
  return noSpeechProbability > NO_SPEECH && logProbability < MIN_LOG_PROBABILITY;
}

function isDoubtful({ tokens }: WhisperModel, { ids, logProbability }: DecodedWindow): boolean {
  const bytes = tokens.bytes(ids);
  const compression = bytes.length === 0 ? 0 : bytes.length / deflateSync(bytes).length;
  return compression > MAX_COMPRESSION || logProbability < MIN_LOG_PROBABILITY;
}

/** Marsaglia's xorshift: numbers of [0, 1). */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
