import { z } from 'zod';
import { GatewayError } from '../gateway-error';
import { optional } from '../openai/sampling.schema';

/** OpenAI's names of models that speak; here the voice decides which model it is. */
export const SPEECH_MODELS: readonly string[] = ['tts-1', 'tts-1-hd', 'gpt-4o-mini-tts'];

const MAX_CHARACTERS = 4096;

/** What there is no encoder for under a licence that may be linked. */
const WITHOUT_ENCODER = ['aac', 'flac'];
const FORMATS = ['mp3', 'opus', 'wav', 'pcm'] as const;

export type SpeechFormat = (typeof FORMATS)[number];

/** A voice by its name, or as newer clients write it, by its id. */
export const voiceField = z
  .union([z.string().max(64), z.object({ id: z.string().max(64) })])
  .transform((voice) => (typeof voice === 'string' ? voice : voice.id));

/** A format by name; one that OpenAI has and this server has not is refused as such. */
export function formatField<T extends string>(formats: readonly [T, ...T[]]) {
  return z.string().transform((name, context): T => {
    const known = formats.find((one) => one === name);
    if (known) return known;
    const unsupported = WITHOUT_ENCODER.includes(name);
    const message = `${unsupported ? `not supported: ${name}, only` : 'not one of'} ${formats.join(', ')}`;
    context.addIssue({ code: 'custom', message, params: { unsupported } });
    return z.NEVER;
  });
}

export const speechSchema = z.object({
  model: z.string().min(1).max(256),
  input: z
    .string()
    .min(1)
    .refine((text) => text.length <= MAX_CHARACTERS, `at most ${MAX_CHARACTERS} characters`),
  voice: voiceField,
  // The voices here speak in one way each.
  instructions: optional(z.string().max(MAX_CHARACTERS)),
  response_format: optional(formatField(FORMATS)),
  speed: optional(z.number().min(0.25).max(4)),
  stream_format: optional(z.enum(['audio', 'sse'])),
  /** Makes what is random in a voice the same again. */
  seed: optional(z.int().min(0)),
  priority: optional(z.enum(['batch', 'normal', 'interactive'])),
});

export type SpeechBody = z.infer<typeof speechSchema>;

/** @throws GatewayError model_not_found */
export function checkModel(model: string, known: readonly string[]): void {
  if (known.includes(model)) return;
  throw new GatewayError('model_not_found', `the model does not exist; served: ${known.join(', ')}`, {
    param: 'model',
  });
}
