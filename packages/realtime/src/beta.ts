import type {
  RealtimeAudioFormats,
  RealtimeSessionCreateRequest,
  RealtimeTranscriptionSessionCreateRequest,
} from 'openai/resources/realtime/realtime';
import { type AudioCodec, codecOf } from './audio-codec';
import type { AnyItem, RealtimeResponse, ServerEvent } from './events';

/** The names that the older API (`OpenAI-Beta: realtime=v1`) has for audio formats. */
export const BETA_FORMATS: Readonly<Record<AudioCodec, string>> = {
  pcm: 'pcm16',
  pcmu: 'g711_ulaw',
  pcma: 'g711_alaw',
};

const RENAMED: Readonly<Record<string, string>> = {
  'response.output_text.delta': 'response.text.delta',
  'response.output_text.done': 'response.text.done',
  'response.output_audio.delta': 'response.audio.delta',
  'response.output_audio.done': 'response.audio.done',
  'response.output_audio_transcript.delta': 'response.audio_transcript.delta',
  'response.output_audio_transcript.done': 'response.audio_transcript.done',
  'conversation.item.added': 'conversation.item.created',
};

export interface BetaEvent {
  type: string;
  [field: string]: unknown;
}

/**
 * An event as clients of the older API know it; null where they know none. `temperature` is the session's, which the
 * newer API has no name for.
 */
export function betaEvent(event: ServerEvent, temperature: number): BetaEvent | null {
  switch (event.type) {
    case 'conversation.item.done':
      return null;
    case 'session.created':
    case 'session.updated': {
      const { session, ...rest } = event;
      const type = session.type === 'transcription' ? `transcription_${event.type}` : event.type;
      return { ...rest, type, session: betaSession(session, temperature) };
    }
    case 'response.created':
    case 'response.done':
      return { ...event, response: betaResponse(event.response, temperature) };
    default: {
      const type = RENAMED[event.type] ?? event.type;
      return 'item' in event ? { ...event, type, item: betaItem(event.item) } : { ...event, type };
    }
  }
}

type Session = RealtimeSessionCreateRequest | RealtimeTranscriptionSessionCreateRequest;

function betaSession(session: Session, temperature: number): object {
  const { type, audio, ...about } = session as RealtimeSessionCreateRequest;
  const input = audio?.input;
  const heard = {
    input_audio_format: formatName(input?.format),
    input_audio_transcription: input?.transcription ?? null,
    turn_detection: input?.turn_detection ?? null,
  };
  if ((type as string) === 'transcription') return { ...about, ...heard };
  const { output_modalities, max_output_tokens, truncation: _, ...rest } = about;
  return {
    ...rest,
    ...heard,
    modalities: modalities(output_modalities),
    ...(audio?.output?.voice === undefined ? {} : { voice: audio.output.voice }),
    speed: audio?.output?.speed ?? 1,
    output_audio_format: formatName(audio?.output?.format),
    max_response_output_tokens: max_output_tokens,
    temperature,
  };
}

function betaResponse(response: RealtimeResponse, temperature: number): object {
  const { output = [], output_modalities, audio, ...rest } = response;
  return {
    ...rest,
    output: output.map(betaItem),
    modalities: modalities(output_modalities),
    ...(audio?.output
      ? { voice: audio.output.voice, output_audio_format: formatName(audio.output.format) }
      : {}),
    temperature,
  };
}

function betaItem(item: AnyItem): object {
  if (item.type !== 'message') return item;
  const content = (item.content as { type?: string }[]).map((part) => {
    const type = part.type === 'output_text' ? 'text' : part.type === 'output_audio' ? 'audio' : part.type;
    return { ...part, type };
  });
  return { ...item, content };
}

function modalities(given: readonly string[] | undefined): string[] {
  return given?.includes('audio') ? ['audio', 'text'] : ['text'];
}

function formatName(format: RealtimeAudioFormats | undefined): string {
  return BETA_FORMATS[format ? codecOf(format) : 'pcm'];
}
