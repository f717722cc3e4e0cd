import { z } from 'zod';
import { optional } from '../../openai/sampling.schema';
import { toolCallId } from '../../openai/tools.schema';
import { TOOL_NAME } from '../../tools/tool-limits';
import { idField, longText } from './session.schema';

const MAX_PARTS = 64;
const MAX_OUTPUT = 1_000_000;

/** Base64 as browsers and Node write it, with its padding. */
export const audioField = z.string().refine(isBase64, 'expected base64');

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

const text = z.object({ type: z.enum(['input_text', 'text']), text: longText });

/** `text` and `audio` are the older names of what assistants say. */
const userPart = z
  .discriminatedUnion('type', [
    text,
    z.object({
      type: z.literal('input_audio'),
      audio: optional(audioField),
      transcript: optional(longText),
    }),
  ])
  .transform((part) => (part.type === 'text' ? { ...part, type: 'input_text' as const } : part));

const systemPart = text.transform(({ text }) => ({ type: 'input_text' as const, text }));

const assistantPart = z
  .discriminatedUnion('type', [
    z.object({ type: z.enum(['output_text', 'text']), text: longText }),
    z.object({ type: z.enum(['output_audio', 'audio']), transcript: optional(longText) }),
  ])
  .transform((part) =>
    'text' in part
      ? { type: 'output_text' as const, text: part.text }
      : { type: 'output_audio' as const, transcript: part.transcript ?? '' },
  );

const about = {
  id: optional(idField),
  object: z
    .literal('realtime.item')
    .nullish()
    .transform(() => 'realtime.item' as const),
  status: optional(z.enum(['completed', 'incomplete', 'in_progress'])),
};

const message = z.discriminatedUnion('role', [
  z.object({
    ...about,
    type: z.literal('message'),
    role: z.literal('user'),
    content: z.array(userPart).max(MAX_PARTS),
  }),
  z.object({
    ...about,
    type: z.literal('message'),
    role: z.literal('assistant'),
    content: z.array(assistantPart).max(MAX_PARTS),
  }),
  z.object({
    ...about,
    type: z.literal('message'),
    role: z.literal('system'),
    content: z.array(systemPart).max(MAX_PARTS),
  }),
]);

const functionCall = z.object({
  ...about,
  type: z.literal('function_call'),
  call_id: optional(toolCallId),
  name: z.string().regex(TOOL_NAME, 'expected 1 to 64 letters, digits, "_" and "-"'),
  arguments: longText,
});

const functionCallOutput = z.object({
  ...about,
  type: z.literal('function_call_output'),
  call_id: toolCallId,
  output: z.string().max(MAX_OUTPUT),
});

export const itemField = z.discriminatedUnion('type', [message, functionCall, functionCallOutput]);

export const inputItemField = z.union([
  itemField,
  z.object({ type: z.literal('item_reference'), id: idField }),
]);
