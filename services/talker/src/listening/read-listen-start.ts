import type { AudioFormat, RawEncoding } from '@zen/audio';
import { MOST_CHANNELS, RAW_SAMPLE_RATES } from '@zen/audio';
import {
  AudioEncoding,
  type AudioFormat as AudioFormatMessage,
  Eagerness as EagernessMessage,
  type ListenStart,
  type TurnDetection,
} from '@zen/contracts';
import type { Eagerness, ListenSettings, TurnSettings } from '@zen/hearing';
import { checkNames } from '../request/check-names';
import { invalid } from '../talker-error';

const MAX_PROMPT = 1_000;
const MAX_PREFIX_MS = 5_000;
const MAX_SILENCE_MS = 10_000;
const DEFAULT_SILENCE_MS = 500;
const DEFAULT_THRESHOLD = 0.5;

const RAW: Partial<Record<AudioEncoding, RawEncoding>> = {
  [AudioEncoding.AUDIO_ENCODING_PCM_S16LE]: 'pcm_s16le',
  [AudioEncoding.AUDIO_ENCODING_PCM_F32LE]: 'pcm_f32le',
  [AudioEncoding.AUDIO_ENCODING_MULAW]: 'mulaw',
  [AudioEncoding.AUDIO_ENCODING_ALAW]: 'alaw',
};

const EAGERNESS: Record<EagernessMessage, Eagerness | undefined> = {
  [EagernessMessage.EAGERNESS_UNSPECIFIED]: 'medium',
  [EagernessMessage.EAGERNESS_LOW]: 'low',
  [EagernessMessage.EAGERNESS_MEDIUM]: 'medium',
  [EagernessMessage.EAGERNESS_HIGH]: 'high',
  [EagernessMessage.UNRECOGNIZED]: undefined,
};

export interface ReadListenStart {
  requestId: string;
  format: AudioFormat;
  settings: ListenSettings;
}

/** Checks a call's first message. */
export function readListenStart(start: ListenStart, languages: ReadonlySet<string>): ReadListenStart {
  checkNames(start);
  if (start.language !== '' && !languages.has(start.language)) {
    throw invalid('language', 'is not a language that is known; it must be an ISO 639-1 code such as "en"');
  }
  if (start.prompt.length > MAX_PROMPT) {
    throw invalid('prompt', `${start.prompt.length} characters, limit ${MAX_PROMPT}`);
  }
  return {
    requestId: start.requestId,
    format: readFormat(start.format),
    settings: {
      language: start.language,
      prompt: start.prompt,
      turns: start.turnDetection ? readTurns(start.turnDetection) : null,
      partials: start.partials,
      wordTimes: start.wordTimes,
      segmentTimes: start.segmentTimes,
      translate: start.translate,
      temperature: within('temperature', start.temperature, 0, 1),
    },
  };
}

/** @throws TalkerError invalid */
export function readTurns(turns: TurnDetection): TurnSettings {
  const eagerness = EAGERNESS[turns.eagerness];
  if (!eagerness) throw invalid('turn_detection.eagerness', 'not a known eagerness');
  const silenceMs = turns.silenceMs === 0 ? DEFAULT_SILENCE_MS : turns.silenceMs;
  return {
    threshold: within('turn_detection.threshold', turns.threshold, 0, 1) || DEFAULT_THRESHOLD,
    prefixPaddingMs: within('turn_detection.prefix_padding_ms', turns.prefixPaddingMs, 0, MAX_PREFIX_MS),
    silenceMs: within('turn_detection.silence_ms', silenceMs, 1, MAX_SILENCE_MS),
    eagerness: turns.semantic ? eagerness : null,
  };
}

function readFormat(format: AudioFormatMessage | undefined): AudioFormat {
  if (!format) throw invalid('format', 'must be there');
  if (format.encoding === AudioEncoding.AUDIO_ENCODING_CONTAINER) return { kind: 'container' };
  const encoding = RAW[format.encoding];
  if (!encoding) throw invalid('format.encoding', 'not a known encoding');
  if (!RAW_SAMPLE_RATES.includes(format.sampleRate)) {
    throw invalid('format.sample_rate', `${format.sampleRate} Hz, not one of ${RAW_SAMPLE_RATES.join(', ')}`);
  }
  const channels = format.channels === 0 ? 1 : format.channels;
  return {
    kind: 'raw',
    encoding,
    sampleRate: format.sampleRate,
    channels: within('format.channels', channels, 1, MOST_CHANNELS),
  };
}

/** Said this way round so that NaN is none, either. */
function within(field: string, value: number, least: number, most: number): number {
  if (!(value >= least && value <= most)) throw invalid(field, `${value} is not within ${least} to ${most}`);
  return value;
}
