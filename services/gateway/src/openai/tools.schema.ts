import type { Tool, ToolCall } from '@zen/contracts';
import { z } from 'zod';
import {
  MAX_CALL_ID,
  MAX_CALLS,
  MAX_DESCRIPTION_BYTES,
  MAX_JSON_DEPTH,
  MAX_PARAMETERS_BYTES,
  MAX_TOOLS,
  TOOL_NAME,
} from '../tools/tool-limits';
import type { ToolChoice } from '../tools/tool-use';
import { optional, unsupported } from './sampling.schema';

const name = z.string().regex(TOOL_NAME, 'expected 1 to 64 letters, digits, "_" and "-"');

const bounded = (maxBytes: number) =>
  z.string().refine((text) => Buffer.byteLength(text) <= maxBytes, `at most ${maxBytes} bytes`);

const jsonObject = z.record(z.string(), z.unknown()).superRefine((value, context) => {
  if (nestsDeeper(value, MAX_JSON_DEPTH)) {
    context.addIssue({ code: 'custom', message: `nests deeper than ${MAX_JSON_DEPTH}` });
  } else if (Buffer.byteLength(JSON.stringify(value)) > MAX_PARAMETERS_BYTES) {
    context.addIssue({ code: 'custom', message: `at most ${MAX_PARAMETERS_BYTES} bytes of JSON` });
  }
});

const tool = z.object({
  type: z.literal('function'),
  function: z.object({
    name,
    description: optional(bounded(MAX_DESCRIPTION_BYTES)),
    parameters: optional(jsonObject),
    strict: unsupported('strict, for nothing binds the sampler to a schema', (value) => value === false),
  }),
});

export const toolsField = optional(z.array(tool).max(MAX_TOOLS));

export const toolChoiceField = optional(
  z.union([
    z.enum(['none', 'auto', 'required']),
    z.object({ type: z.literal('function'), function: z.object({ name }) }),
  ]),
);

/** JSON text of an object; some clients send an empty text for a call without arguments. */
const argumentsText = z.string().superRefine((text, context) => {
  const value = text.trim() === '' ? {} : parsed(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    context.addIssue({ code: 'custom', message: 'expected the JSON text of an object' });
  } else if (nestsDeeper(value, MAX_JSON_DEPTH)) {
    context.addIssue({ code: 'custom', message: `nests deeper than ${MAX_JSON_DEPTH}` });
  }
});

export const toolCallId = z.string().min(1).max(MAX_CALL_ID);

export const toolCallsField = optional(
  z
    .array(
      z.object({
        id: toolCallId,
        type: z.literal('function'),
        function: z.object({ name, arguments: argumentsText }),
      }),
    )
    .max(MAX_CALLS),
);

export function toolsOf(tools: z.infer<typeof toolsField>): Tool[] {
  return (tools ?? []).map(({ function: { name, description = '', parameters } }) => ({
    name,
    description: description.toWellFormed(),
    parameters: parameters ? JSON.stringify(parameters) : '',
  }));
}

export function callsOf(calls: z.infer<typeof toolCallsField>): ToolCall[] {
  return (calls ?? []).map(({ id, function: { name, arguments: text } }) => ({
    id: id.toWellFormed(),
    name,
    arguments: text.trim() === '' ? '{}' : text.toWellFormed(),
  }));
}

export function choiceOf(choice: z.infer<typeof toolChoiceField>): ToolChoice {
  if (typeof choice === 'object') return { t: 'named', name: choice.function.name };
  return { t: choice ?? 'auto' };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller says what was expected; the parser's own message would quote the text.
    return undefined;
  }
}

/** Without recursion: a body may nest as deep as it is long. */
function nestsDeeper(value: unknown, most: number): boolean {
  let level = [value];
  for (let depth = 0; depth <= most; depth++) {
    const containers = level.filter((one) => typeof one === 'object' && one !== null) as object[];
    if (containers.length === 0) return false;
    level = containers.flatMap((one) => Object.values(one));
  }
  return true;
}
