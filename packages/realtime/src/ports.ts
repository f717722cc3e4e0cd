import type { AudioCodec } from './audio-codec';
import type {
  ClientEvent,
  Hops,
  RealtimeFunctionTool,
  RealtimeToolChoiceConfig,
  ServerEvent,
} from './events';
import type { RealtimeFailure } from './realtime-error';
import type { TurnDetection } from './session-config';

/** One turn of what the model is asked with. */
export interface Turn {
  role: 'system' | 'user' | 'assistant' | 'tool';
  content: string;
  /** Of an assistant's turn. */
  calls?: { id: string; name: string; arguments: string }[];
  /** Of a tool's turn: which call it answers. */
  callId?: string;
}

/** What the model is to answer. */
export interface Question {
  turns: Turn[];
  tools: RealtimeFunctionTool[];
  toolChoice: RealtimeToolChoiceConfig;
  /** 0: up to the context length. */
  maxTokens: number;
  temperature: number;
  /** Lowest stage that may answer. */
  minStage: number;
}

/** How the answer is to be spoken. */
export interface Voicing {
  /** As the client named it; empty: the default. */
  voice: string;
  speed: number;
  codec: AudioCodec;
}

export interface Listening {
  codec: AudioCodec;
  language: string;
  prompt: string;
  turnDetection: TurnDetection | null;
}

/** What the session wants of the world. Each is asked for once and answered by happenings. */
export type Wish =
  /** Listen from here on as said; replaces what was asked for before, whose unfinished utterances are over. */
  | { t: 'listen'; call: number; how: Listening }
  | { t: 'turns'; turnDetection: TurnDetection | null }
  /** Base64, as the client sent it. */
  | { t: 'hear'; audio: string }
  | { t: 'commit'; tag: string }
  | { t: 'clear' }
  /** Of an item that came with its audio: a transcript with the item's id as its tag. */
  | { t: 'transcribe'; itemId: string; audio: string; how: Listening }
  /** Compute what a question will begin with, before it is asked. A later one replaces it; nobody sees it. */
  | { t: 'prefill'; question: Question }
  | { t: 'prefill-off' }
  /** `voicing`: null where text alone is wanted; then audio is made of the text as it comes. */
  | { t: 'answer'; responseId: string; question: Question; voicing: Voicing | null }
  /** Nothing more of it is wanted, neither text nor audio. */
  | { t: 'cancel'; responseId: string }
  /** A response is over: for metrics. */
  | { t: 'ended'; responseId: string; status: string; hops: Hops }
  /** The client has these events for good. */
  | { t: 'acked'; upTo: string }
  | { t: 'close'; code: number; reason: string };

export interface AnswerUsage {
  promptTokens: number;
  cachedPromptTokens: number;
  completionTokens: number;
}

/** What happens to a session. Positions are milliseconds of audio since the call that `listen` asked for began. */
export type Happening =
  | { t: 'client'; event: ClientEvent }
  /** What the client sent is no event: why, and its `event_id` where it has one. */
  | { t: 'refused'; failure: RealtimeFailure; eventId: string | null }
  | { t: 'speech-started'; call: number; positionMs: number; utterance: number }
  | { t: 'speech-stopped'; call: number; positionMs: number; utterance: number }
  | {
      t: 'transcript';
      call: number;
      utterance: number;
      text: string;
      final: boolean;
      /** Characters that no later partial changes. */
      stableLength: number;
      /** Of a commit; empty for an utterance that its detected end closed. */
      tag: string;
      startMs: number;
      endMs: number;
    }
  /** Of the call, or of one item that was to be transcribed (`tag`). */
  | { t: 'listen-failed'; call: number; tag: string; failure: RealtimeFailure }
  | { t: 'answering'; responseId: string; model: string; stage: number; stageReason: string }
  | { t: 'text'; responseId: string; text: string; stage: number }
  | { t: 'call'; responseId: string; callId: string; name: string; arguments: string; last: boolean }
  | { t: 'text-ended'; responseId: string; reason: 'stop' | 'length'; usage: AnswerUsage }
  | { t: 'speaking'; responseId: string; quality: 'full' | 'reduced' }
  /** Precedes its audio; of the text as it was given. */
  | { t: 'clause'; responseId: string; textStart: number; textEnd: number; startMs: number; endMs: number }
  /** Base64 in the codec that was asked for, and how long it lasts. */
  | { t: 'audio'; responseId: string; audio: string; durationMs: number }
  | { t: 'speech-ended'; responseId: string }
  | { t: 'failed'; responseId: string; failure: RealtimeFailure }
  | { t: 'limits'; limits: RateLimit[] }
  /** Time has come to `nextMs`, or the server goes (`leaving`). */
  | { t: 'time' }
  /** `now`: what is under way is cut short. */
  | { t: 'leaving'; now: boolean };

export interface RateLimit {
  name: 'requests' | 'tokens';
  limit: number;
  remaining: number;
  reset_seconds: number;
}

export type Output = { t: 'send'; event: ServerEvent } | Wish;
