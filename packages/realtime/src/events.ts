import type {
  ConversationItem as AnyItem,
  RealtimeClientEvent,
  RealtimeConversationItemAssistantMessage,
  RealtimeConversationItemFunctionCall,
  RealtimeConversationItemFunctionCallOutput,
  RealtimeConversationItemSystemMessage,
  RealtimeConversationItemUserMessage,
  RealtimeError,
  RealtimeFunctionTool,
  RealtimeResponse,
  RealtimeResponseCreateParams,
  RealtimeServerEvent,
  RealtimeSessionCreateRequest,
  RealtimeToolChoiceConfig,
  RealtimeTranscriptionSessionCreateRequest,
} from 'openai/resources/realtime/realtime';

// The official client's own types, so that ours cannot drift from them.
export type {
  AnyItem,
  RealtimeError,
  RealtimeFunctionTool,
  RealtimeResponse,
  RealtimeResponseCreateParams,
  RealtimeSessionCreateRequest,
  RealtimeToolChoiceConfig,
  RealtimeTranscriptionSessionCreateRequest,
};

/** What a conversation here can hold. */
export type Item =
  | RealtimeConversationItemAssistantMessage
  | RealtimeConversationItemFunctionCall
  | RealtimeConversationItemFunctionCallOutput
  | RealtimeConversationItemSystemMessage
  | RealtimeConversationItemUserMessage;

/** An input of an out-of-band response may point at an item of the conversation. */
export interface ItemReference {
  type: 'item_reference';
  id: string;
}

/** The client has every event up to this one; they are not sent again. */
export interface AckEvent {
  type: 'x-zen.ack';
  /** Of the event, as in its `event_id`. */
  up_to: string;
  event_id?: string;
}

/** As the official client sends them (the older names have been read as these), and what Zen adds. */
export type ClientEvent = RealtimeClientEvent | AckEvent;

/** What a response says about itself beyond OpenAI's fields. */
export interface ResponseFacts {
  model?: string;
  /** The stage of its last token, and why that one. */
  stage?: number;
  stage_reason?: string;
  /** `reduced`: the load made the voice plainer. */
  voice_quality?: 'full' | 'reduced';
  /** Milliseconds since the input was committed (or the response asked for); absent where it did not happen. */
  timings?: Hops;
}

export interface Hops {
  transcript_ms?: number;
  first_token_ms?: number;
  first_clause_ms?: number;
  first_audio_ms?: number;
}

type WithoutId<E> = E extends { event_id: string } ? Omit<E, 'event_id'> : E;

/** A state that its client can begin a new session with, anywhere: a session.update and items to create. */
export interface HandoverEvent {
  type: 'x-zen.session.handover';
  session: RealtimeSessionCreateRequest | RealtimeTranscriptionSessionCreateRequest;
  /** In their order; of what was spoken only what can have been heard. */
  items: Item[];
}

/**
 * Which stretch of an item's transcript which stretch of its audio says, before that audio: captions can follow what is
 * heard. Sent where the session asks for timings.
 */
export interface ClauseEvent {
  type: 'x-zen.response.clause';
  response_id: string;
  item_id: string;
  output_index: number;
  /** [start, end), UTF-16 units. */
  text_start: number;
  text_end: number;
  audio_start_ms: number;
  audio_end_ms: number;
}

/** Before its `event_id` is given. */
export type ServerEvent = WithoutId<RealtimeServerEvent> | HandoverEvent | ClauseEvent;
