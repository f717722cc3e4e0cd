import { isUtf8 } from 'node:buffer';
import { type ClientEvent, RealtimeFailure } from '@zen/realtime';
import { z } from 'zod';
import { GatewayError } from '../../gateway-error';
import { validate } from '../../openai/parse-body';
import { optional, unsupported } from '../../openai/sampling.schema';
import { betaSession, betaToolChoice, betaTranscriptionSession } from './beta-session.schema';
import { audioField, inputItemField, itemField } from './item.schema';
import {
  idField,
  longText,
  maxTokensField,
  metadataField,
  modalitiesField,
  outputField,
  sessionField,
  temperatureField,
  toolChoiceField,
  toolsField,
} from './session.schema';
import { withoutUndefined } from './without-undefined';

const MAX_INPUT_ITEMS = 1000;
const MAX_AUDIO_MS = 100_000_000;

const event_id = optional(z.string().max(512));
const event = <T extends string, S extends z.core.$ZodShape>(type: T, fields: S) =>
  z.object({ type: z.literal(type), event_id, ...fields });

const responseFields = {
  conversation: optional(z.enum(['auto', 'none'])),
  input: optional(z.array(inputItemField).max(MAX_INPUT_ITEMS)),
  instructions: optional(longText),
  metadata: metadataField.nullish(),
  tools: optional(toolsField),
  temperature: optional(temperatureField),
  prompt: unsupported('stored prompts'),
};

const response = z.object({
  ...responseFields,
  audio: optional(z.object({ output: optional(outputField) })),
  output_modalities: optional(modalitiesField),
  max_output_tokens: optional(maxTokensField),
  tool_choice: optional(toolChoiceField),
});

const oldAudio = betaSession.in.shape;
const betaResponse = z
  .object({
    ...responseFields,
    modalities: optional(modalitiesField),
    voice: oldAudio.voice,
    output_audio_format: oldAudio.output_audio_format,
    max_response_output_tokens: optional(maxTokensField),
    max_output_tokens: optional(maxTokensField),
    tool_choice: optional(betaToolChoice),
  })
  .transform(
    ({ modalities, voice, output_audio_format, max_response_output_tokens, max_output_tokens, ...rest }) => ({
      ...rest,
      output_modalities: modalities,
      audio: { output: { voice, format: output_audio_format } },
      max_output_tokens: max_response_output_tokens ?? max_output_tokens,
    }),
  );

const shared = [
  event('input_audio_buffer.append', { audio: audioField }),
  event('input_audio_buffer.commit', {}),
  event('input_audio_buffer.clear', {}),
  event('output_audio_buffer.clear', {}),
  event('conversation.item.create', { item: itemField, previous_item_id: optional(idField) }),
  event('conversation.item.retrieve', { item_id: idField }),
  event('conversation.item.delete', { item_id: idField }),
  event('conversation.item.truncate', {
    item_id: idField,
    content_index: z.int().min(0).max(1000),
    audio_end_ms: z.int().min(0).max(MAX_AUDIO_MS),
  }),
  event('response.cancel', { response_id: optional(idField) }),
  event('x-zen.ack', { up_to: idField }),
] as const;

const EVENTS = z.discriminatedUnion('type', [
  ...shared,
  event('session.update', { session: sessionField }),
  event('response.create', { response: optional(response) }),
]);

const BETA_EVENTS = z.discriminatedUnion('type', [
  ...shared,
  event('session.update', { session: betaSession }),
  event('response.create', { response: optional(betaResponse) }),
  event('transcription_session.update', { session: betaTranscriptionSession }),
]);

export type Dialect = 'ga' | 'beta';

/** What a client sent, or why it is no event. */
export type ReadEvent = { event: ClientEvent } | { failure: RealtimeFailure; eventId: string | null };

/** Reads a message of a client's; of the older dialect as what it means in the newer. */
export function readClientEvent(message: Buffer, dialect: Dialect): ReadEvent {
  let value: unknown;
  let eventId: string | null = null;
  try {
    value = jsonOf(message);
    const given = (value as { event_id?: unknown } | null)?.event_id;
    if (typeof given === 'string') eventId = given.slice(0, 512);
    // Both say the same; sessions for transcription have an event of their own in the older dialect.
    const read = validate<{ type: string }>(dialect === 'beta' ? BETA_EVENTS : EVENTS, value);
    const event = read.type === 'transcription_session.update' ? { ...read, type: 'session.update' } : read;
    return { event: withoutUndefined(event) as ClientEvent };
  } catch (error) {
    return { failure: failureOf(error), eventId };
  }
}

function jsonOf(message: Buffer): unknown {
  if (!isUtf8(message)) throw new RealtimeFailure('invalid_event', 'the event is not valid UTF-8');
  try {
    return JSON.parse(message.toString('utf8'));
  } catch {
    // The parser's own words would quote what was said.
    throw new RealtimeFailure('invalid_event', 'the event is not valid JSON');
  }
}

function failureOf(error: unknown): RealtimeFailure {
  if (error instanceof RealtimeFailure) return error;
  const { failure, message, param } = GatewayError.from(error);
  const code =
    failure === 'invalid_request' ? (param === 'type' ? 'unknown_event' : 'invalid_value') : failure;
  return new RealtimeFailure(code, message.replace(/^the body/, 'the event'), param);
}
