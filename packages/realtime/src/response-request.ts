import { codecOf } from './audio-codec';
import { type Conversation, turnsOf } from './conversation';
import type { Item, ItemReference, RealtimeFunctionTool, RealtimeResponseCreateParams } from './events';
import type { Question, Turn, Voicing } from './ports';
import { RealtimeFailure } from './realtime-error';
import {
  type Modality,
  type MoreOfSession,
  modalityOf,
  type SessionConfig,
  tokensOf,
} from './session-config';

/** What a response is asked for, from the session and what the request changes for this one. */
export interface ResponseRequest {
  outOfBand: boolean;
  modality: Modality;
  voicing: Voicing | null;
  metadata: Record<string, string> | null;
  /** Without the turns of the conversation. */
  question: Omit<Question, 'turns'> & { instructions: string };
  /** Instead of the conversation's turns; null for those. */
  input: Turn[] | null;
}

export type ResponseParams = RealtimeResponseCreateParams & MoreOfSession;

/** @throws RealtimeFailure for a reference to an item that is not there */
export function readResponse(
  params: ResponseParams,
  config: SessionConfig,
  conversation: Conversation,
): ResponseRequest {
  const modality = modalityOf(params.output_modalities) ?? config.modality;
  const { format, voice } = params.audio?.output ?? {};
  const voicing: Voicing | null =
    modality === 'text'
      ? null
      : {
          voice: (typeof voice === 'object' ? voice.id : voice) ?? config.output.voice,
          speed: config.output.speed,
          codec: format ? codecOf(format) : config.output.codec,
        };
  return {
    outOfBand: params.conversation === 'none',
    modality,
    voicing,
    metadata: params.metadata ?? null,
    question: {
      instructions: params.instructions ?? config.instructions,
      tools: (params.tools as RealtimeFunctionTool[] | undefined) ?? config.tools,
      toolChoice: params.tool_choice ?? config.toolChoice,
      maxTokens:
        params.max_output_tokens === undefined ? config.maxOutputTokens : tokensOf(params.max_output_tokens),
      temperature: params.temperature ?? config.temperature,
      minStage: config.minStage,
    },
    input: params.input ? inputTurns(params.input as (Item | ItemReference)[], conversation) : null,
  };
}

function inputTurns(input: readonly (Item | ItemReference)[], conversation: Conversation): Turn[] {
  const entries = input.map((item, at) => {
    if (item.type !== 'item_reference') return { item, heard: null };
    const entry = conversation.find(item.id);
    if (entry) return entry;
    const param = `response.input[${at}].id`;
    throw new RealtimeFailure(
      'item_reference_invalid',
      `${param}: no item "${item.id}" in the conversation`,
      param,
    );
  });
  return turnsOf(entries);
}

/** The whole question: instructions, then what was said, without its first `skips` turns. */
export function questionOf(
  { question: { instructions, ...rest }, input }: Pick<ResponseRequest, 'question' | 'input'>,
  turns: Turn[],
  skips = 0,
): Question {
  const said = (input ?? turns).slice(skips);
  const system: Turn[] = instructions === '' ? [] : [{ role: 'system', content: instructions }];
  return { ...rest, turns: [...system, ...said] };
}
