import { z } from 'zod';
import { GatewayError } from '../gateway-error';
import { validate } from '../openai/parse-body';
import { optional } from '../openai/sampling.schema';

/** OpenAI's names of models that transcribe; the talkers' own names are known as well. */
export const TRANSCRIBING_MODELS: readonly string[] = [
  'whisper-1',
  'gpt-4o-transcribe',
  'gpt-4o-mini-transcribe',
];

const MAX_PROMPT_CHARACTERS = 1000;

const number = z
  .string()
  .regex(/^\d+(\.\d+)?$/, 'expected a number')
  .transform(Number);

const flag = z.enum(['true', 'false'], 'expected true or false').transform((text) => text === 'true');

export const transcriptionSchema = z.object({
  model: z.string().min(1).max(256),
  language: optional(
    z
      .string()
      .regex(/^[a-z]{2}$/, 'expected two letters of ISO 639-1')
      .or(z.literal('')),
  ),
  prompt: optional(z.string().max(MAX_PROMPT_CHARACTERS)),
  response_format: optional(z.enum(['json', 'text', 'srt', 'vtt', 'verbose_json'])),
  temperature: optional(number.pipe(z.number().min(0).max(1))),
  timestamp_granularities: optional(z.array(z.enum(['word', 'segment'])).max(8)),
  stream: optional(flag),
});

export type TranscriptionBody = z.infer<typeof transcriptionSchema>;

/** A form's fields as a body: `name[]` and repeated names become lists. */
export function parseTranscription(fields: readonly [string, string][]): TranscriptionBody {
  const body: Record<string, unknown> = {};
  for (const [name, value] of fields) {
    const [, bare = name, list] = /^(\w+)(\[\d*\])$/.exec(name) ?? [];
    if (list === undefined && bare !== 'timestamp_granularities') body[bare] = value;
    else body[bare] = [...((body[bare] as string[]) ?? []), value];
  }
  const parsed = validate(transcriptionSchema, body);
  const { timestamp_granularities: times, response_format: format } = parsed;
  if (times && format !== 'verbose_json') {
    const message = 'timestamp_granularities: only with response_format verbose_json';
    throw new GatewayError('invalid_request', message, { param: 'timestamp_granularities' });
  }
  if (parsed.stream && format !== undefined && format !== 'json' && format !== 'text') {
    const message = `stream: not with response_format ${format}`;
    throw new GatewayError('invalid_request', message, { param: 'stream' });
  }
  return parsed;
}
