import type { RealtimeAudioConfigInput, RealtimeTruncation } from 'openai/resources/realtime/realtime';
import { type AudioCodec, codecOf, formatOf } from './audio-codec';
import type {
  RealtimeFunctionTool,
  RealtimeSessionCreateRequest,
  RealtimeToolChoiceConfig,
  RealtimeTranscriptionSessionCreateRequest,
} from './events';
import { RealtimeFailure } from './realtime-error';

export type TurnDetection =
  | {
      type: 'server_vad';
      /** 0 to 1. */
      threshold: number;
      prefixPaddingMs: number;
      silenceMs: number;
      createResponse: boolean;
      interruptResponse: boolean;
      /** After an answer without a word from the user; null: never. */
      idleTimeoutMs: number | null;
    }
  | {
      type: 'semantic_vad';
      eagerness: 'low' | 'medium' | 'high' | 'auto';
      createResponse: boolean;
      interruptResponse: boolean;
    };

export interface Transcription {
  model: string;
  language: string;
  prompt: string;
}

export type Modality = 'text' | 'audio';

export interface SessionConfig {
  type: 'realtime' | 'transcription';
  model: string;
  instructions: string;
  modality: Modality;
  input: {
    codec: AudioCodec;
    /** Whether the client is told what was understood, and with which hints; it is always understood. */
    transcription: Transcription | null;
    turnDetection: TurnDetection | null;
  };
  output: { codec: AudioCodec; voice: string; speed: number };
  tools: RealtimeFunctionTool[];
  toolChoice: RealtimeToolChoiceConfig;
  /** 0: no limit of its own. */
  maxOutputTokens: number;
  temperature: number;
  /** Answers come from this stage of the model or a higher one. */
  minStage: number;
  /** Whether the oldest turns are left out where a conversation no longer fits its model. */
  truncates: boolean;
  /** Whether responses say how long each hop took, and which audio says which words. */
  timings: boolean;
}

/** `x-zen.timings` among `include`. */
export const TIMINGS = 'x-zen.timings';

const DEFAULT_VAD: TurnDetection = {
  type: 'server_vad',
  threshold: 0.5,
  prefixPaddingMs: 300,
  silenceMs: 500,
  createResponse: true,
  interruptResponse: true,
  idleTimeoutMs: null,
};

export function newSession(type: SessionConfig['type'], model: string): SessionConfig {
  return {
    type,
    model,
    instructions: '',
    modality: 'audio',
    input: {
      codec: 'pcm',
      transcription: type === 'transcription' ? { model: '', language: '', prompt: '' } : null,
      turnDetection: DEFAULT_VAD,
    },
    output: { codec: 'pcm', voice: '', speed: 1 },
    tools: [],
    toolChoice: 'auto',
    maxOutputTokens: 0,
    temperature: 0.8,
    minStage: 0,
    truncates: true,
    timings: false,
  };
}

/** Fields that only the older API or Zen has. */
export interface MoreOfSession {
  temperature?: number;
  'x-zen'?: { min_stage?: number };
}

/** What the update names changes, everything else stays. Throws a RealtimeFailure for what cannot change. */
export function updated(
  config: SessionConfig,
  update:
    | (RealtimeSessionCreateRequest & MoreOfSession)
    | (RealtimeTranscriptionSessionCreateRequest & MoreOfSession),
  hasSpoken: boolean,
): SessionConfig {
  if (update.type !== config.type) {
    const message = `session.type: "${update.type}", but this session is for ${config.type}`;
    throw new RealtimeFailure('invalid_value', message, 'session.type');
  }
  const include: readonly string[] | undefined = update.include;
  const shared = {
    input: updatedInput(config.input, update.audio?.input ?? {}),
    timings: include ? include.includes(TIMINGS) : config.timings,
    temperature: update.temperature ?? config.temperature,
    minStage: update['x-zen']?.min_stage ?? config.minStage,
  };
  if (update.type === 'transcription') return { ...config, ...shared };
  if (update.model !== undefined && update.model !== config.model) {
    throw new RealtimeFailure(
      'cannot_update_model',
      'session.model: a session keeps its model; open another',
      'session.model',
    );
  }
  const { format, voice, speed } = update.audio?.output ?? {};
  const wanted = typeof voice === 'object' ? voice.id : voice;
  if (wanted !== undefined && wanted !== config.output.voice && hasSpoken) {
    const message = 'session.audio.output.voice: it cannot change once the session has spoken';
    throw new RealtimeFailure('cannot_update_voice', message, 'session.audio.output.voice');
  }
  return {
    ...config,
    ...shared,
    instructions: update.instructions ?? config.instructions,
    modality: modalityOf(update.output_modalities) ?? config.modality,
    output: {
      codec: format ? codecOf(format) : config.output.codec,
      voice: wanted ?? config.output.voice,
      speed: speed ?? config.output.speed,
    },
    tools: (update.tools as RealtimeFunctionTool[] | undefined) ?? config.tools,
    toolChoice: update.tool_choice ?? config.toolChoice,
    maxOutputTokens:
      update.max_output_tokens === undefined ? config.maxOutputTokens : tokensOf(update.max_output_tokens),
    truncates: update.truncation === undefined ? config.truncates : update.truncation !== 'disabled',
  };
}

function updatedInput(
  input: SessionConfig['input'],
  { format, transcription, turn_detection }: RealtimeAudioConfigInput & { transcription?: unknown },
): SessionConfig['input'] {
  return {
    codec: format ? codecOf(format) : input.codec,
    transcription: transcription === undefined ? input.transcription : transcriptionOf(transcription),
    turnDetection: turn_detection === undefined ? input.turnDetection : detectionOf(turn_detection),
  };
}

function transcriptionOf(given: RealtimeAudioConfigInput['transcription'] | null): Transcription | null {
  if (!given) return null;
  return { model: given.model ?? '', language: given.language ?? '', prompt: given.prompt ?? '' };
}

function detectionOf(
  given: NonNullable<RealtimeAudioConfigInput['turn_detection']> | null,
): TurnDetection | null {
  if (!given) return null;
  const { create_response: createResponse = true, interrupt_response: interruptResponse = true } = given;
  if (given.type === 'semantic_vad') {
    return { type: 'semantic_vad', eagerness: given.eagerness ?? 'auto', createResponse, interruptResponse };
  }
  return {
    type: 'server_vad',
    threshold: given.threshold ?? 0.5,
    prefixPaddingMs: given.prefix_padding_ms ?? 300,
    silenceMs: given.silence_duration_ms ?? 500,
    createResponse,
    interruptResponse,
    idleTimeoutMs: given.idle_timeout_ms ?? null,
  };
}

/** Both words mean audio with its transcript, as `audio` alone does. */
export function modalityOf(modalities: readonly Modality[] | undefined): Modality | undefined {
  if (modalities === undefined) return undefined;
  return modalities.includes('audio') ? 'audio' : 'text';
}

export function tokensOf(most: number | 'inf'): number {
  return most === 'inf' ? 0 : most;
}

/** The session as its client sees it. */
export function described(
  config: SessionConfig,
): (RealtimeSessionCreateRequest | RealtimeTranscriptionSessionCreateRequest) & Pick<MoreOfSession, 'x-zen'> {
  const { input, output, maxOutputTokens } = config;
  const { transcription } = input;
  const heard = {
    format: formatOf(input.codec),
    // The official types leave out that it may be null, which the API itself says.
    transcription: (transcription && {
      model: transcription.model,
      ...(transcription.language ? { language: transcription.language } : {}),
      ...(transcription.prompt ? { prompt: transcription.prompt } : {}),
    }) as NonNullable<RealtimeAudioConfigInput['transcription']>,
    turn_detection: describedDetection(input.turnDetection),
  };
  const include = config.timings ? { include: [TIMINGS] as never[] } : {};
  if (config.type === 'transcription') return { type: 'transcription', audio: { input: heard }, ...include };
  const truncation: RealtimeTruncation = config.truncates ? 'auto' : 'disabled';
  return {
    type: 'realtime',
    model: config.model,
    instructions: config.instructions,
    output_modalities: [config.modality],
    audio: {
      input: heard,
      output: {
        format: formatOf(output.codec),
        ...(output.voice === '' ? {} : { voice: output.voice }),
        speed: output.speed,
      },
    },
    tools: config.tools,
    tool_choice: config.toolChoice,
    max_output_tokens: maxOutputTokens === 0 ? 'inf' : maxOutputTokens,
    truncation,
    ...include,
    ...(config.minStage === 0 ? {} : { 'x-zen': { min_stage: config.minStage } }),
  };
}

function describedDetection(detection: TurnDetection | null) {
  if (!detection) return null;
  const { type, createResponse: create_response, interruptResponse: interrupt_response } = detection;
  if (type === 'semantic_vad') {
    return { type, eagerness: detection.eagerness, create_response, interrupt_response };
  }
  const { threshold, prefixPaddingMs, silenceMs, idleTimeoutMs } = detection;
  return {
    type,
    threshold,
    prefix_padding_ms: prefixPaddingMs,
    silence_duration_ms: silenceMs,
    create_response,
    interrupt_response,
    idle_timeout_ms: idleTimeoutMs,
  };
}
