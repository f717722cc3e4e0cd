import type { Stretch } from './spoken-text';

/** What the page reads of the server's events; others it passes over. */
export type ServerEvent = { event_id?: string } & (
  | { type: 'session.created'; session: { 'x-zen'?: { resume_token?: string } } }
  | { type: 'session.updated' }
  | { type: 'x-zen.session.resumed'; received: number }
  | { type: 'x-zen.session.handover'; items: unknown[] }
  | { type: 'input_audio_buffer.speech_started'; item_id: string }
  | { type: 'input_audio_buffer.speech_stopped'; item_id: string }
  | { type: 'input_audio_buffer.committed'; item_id: string }
  | { type: 'conversation.item.input_audio_transcription.delta'; item_id: string; delta: string }
  | { type: 'conversation.item.input_audio_transcription.completed'; item_id: string; transcript: string }
  | {
      type: 'conversation.item.input_audio_transcription.failed';
      item_id: string;
      error: { message: string };
    }
  | { type: 'response.created'; response: { id: string } }
  | { type: 'response.output_audio_transcript.delta'; response_id: string; item_id: string; delta: string }
  | { type: 'response.output_audio.delta'; response_id: string; item_id: string; delta: string }
  | { type: 'response.output_audio.done'; item_id: string }
  | ({ type: 'x-zen.response.clause'; item_id: string } & ClauseFields)
  | { type: 'response.done'; response: DoneResponse }
  | { type: 'error'; error: { code?: string | null; message: string } }
);

/** Which stretch of an item's text which stretch of its audio says. */
export interface ClauseFields {
  text_start: number;
  text_end: number;
  audio_start_ms: number;
  audio_end_ms: number;
}

export interface DoneResponse {
  id: string;
  status: string;
  status_details?: { error?: { message?: string } };
  'x-zen'?: Facts;
}

/** What answered, and how long each step took since the person had finished, milliseconds. */
export interface Facts {
  model?: string;
  stage?: number;
  stage_reason?: string;
  voice_quality?: 'full' | 'reduced';
  timings?: {
    transcript_ms?: number;
    first_token_ms?: number;
    first_clause_ms?: number;
    first_audio_ms?: number;
  };
}

export type ClientEvent =
  | { type: 'session.update'; session: object }
  | { type: 'input_audio_buffer.append'; audio: string }
  | { type: 'input_audio_buffer.commit' }
  | { type: 'input_audio_buffer.clear' }
  | { type: 'conversation.item.create'; item: unknown }
  | { type: 'conversation.item.truncate'; item_id: string; content_index: 0; audio_end_ms: number }
  | { type: 'response.create' }
  | { type: 'response.cancel' };

export function stretchOf({ text_start, text_end, audio_start_ms, audio_end_ms }: ClauseFields): Stretch {
  return { textStart: text_start, textEnd: text_end, startMs: audio_start_ms, endMs: audio_end_ms };
}
