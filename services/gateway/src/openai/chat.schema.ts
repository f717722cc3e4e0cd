import { z } from 'zod';
import { chatAudioFields, checkChatAudio, inputAudio, pastAudio } from '../speech/chat-audio.schema';
import { optional, samplingFields, unsupported } from './sampling.schema';
import { toolCallId, toolCallsField, toolChoiceField, toolsField } from './tools.schema';

/** No model here can take more; it only bounds the work before the thinker's own limit is looked at. */
const MAX_PARTS = 1024;

const part = z
  .object({ type: z.string() })
  .loose()
  .superRefine((value, context) => {
    if (value.type === 'input_audio') {
      const { error } = inputAudio.safeParse(value.input_audio);
      const [issue] = error?.issues ?? [];
      if (issue) {
        const path = ['input_audio', ...issue.path];
        context.addIssue({ code: 'custom', path, message: issue.message });
      }
    } else if (value.type !== 'text') {
      const message = `not supported: a content part of type "${value.type}", only "text" and "input_audio"`;
      context.addIssue({ code: 'custom', path: ['type'], message, params: { unsupported: true } });
    } else if (typeof value.text !== 'string') {
      context.addIssue({ code: 'custom', path: ['text'], message: 'expected a string' });
    }
  });

const content = z.union([z.string(), z.array(part).max(MAX_PARTS)]);

const message = z
  .object({
    role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
    content: content.nullish(),
    tool_calls: toolCallsField,
    tool_call_id: optional(toolCallId),
    function_call: unsupported('function calls'),
    audio: pastAudio,
  })
  .superRefine(({ role, content, tool_calls, tool_call_id }, context) => {
    const wrong = (path: string, message: string) =>
      context.addIssue({ code: 'custom', path: [path], message });
    const speaks = Array.isArray(content) && content.some(({ type }) => type === 'input_audio');
    if (speaks && role !== 'user') wrong('content', 'only a user speaks');
    if (tool_calls?.length && role !== 'assistant') wrong('tool_calls', 'only an assistant calls tools');
    if (tool_call_id === undefined && role === 'tool') wrong('tool_call_id', 'expected the id of a call');
    // An assistant's turn may be empty; any other must say something, even if it is an empty text.
    if ((content === null || content === undefined) && role !== 'assistant') {
      wrong('content', 'expected a string or an array of parts');
    }
  });

const responseFormat = z.object({ type: z.string() }).superRefine(({ type }, context) => {
  if (type === 'text') return;
  // It promises an answer that parses, which nothing but a sampler bound to a grammar can keep.
  const message = `not supported: response format "${type}", only "text"; x-zen-output: json asks for stages whose JSON is good`;
  context.addIssue({ code: 'custom', path: ['type'], message, params: { unsupported: true } });
});

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}

export function chatSchema(maxMessages: number) {
  return z
    .object({
      ...samplingFields,
      messages: z.array(message).min(1).max(maxMessages),
      max_completion_tokens: samplingFields.max_tokens,
      logprobs: optional(z.boolean()),
      top_logprobs: optional(z.int().min(0).max(20)),
      response_format: optional(responseFormat),
      tools: toolsField,
      tool_choice: toolChoiceField,
      parallel_tool_calls: optional(z.boolean()),
      functions: unsupported('functions', isEmpty),
      function_call: unsupported('functions', (value) => value === 'none' || value === 'auto'),
      ...chatAudioFields,
    })
    .superRefine(checkChatAudio);
}

export type ChatBody = z.infer<ReturnType<typeof chatSchema>>;
