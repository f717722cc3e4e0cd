import { TIMINGS } from '@zen/realtime';
import { z } from 'zod';
import { MAX_STAGE } from '../../door/quality-wish';
import { optional, unsupported } from '../../openai/sampling.schema';
import { TOOL_NAME } from '../../tools/tool-limits';

/** Characters of instructions; the session's own limit is in domain terms and smaller or larger. */
const MAX_TEXT = 1_000_000;
const MAX_TOOLS = 128;
const MAX_TOOL_BYTES = 65_536;

export const longText = z.string().max(MAX_TEXT);
/** Of items, events and calls, as clients may choose them. */
export const idField = z.string().min(1).max(128);

const format = z.union([
  z.object({ type: z.literal('audio/pcm'), rate: optional(z.literal(24_000, 'only 24000')) }),
  z.object({ type: z.enum(['audio/pcmu', 'audio/pcma']) }),
]);

const transcription = z.object({
  model: optional(z.string().max(128)),
  language: optional(z.string().regex(/^[a-z]{2,3}$/, 'expected an ISO 639-1 code such as "en"')),
  prompt: optional(z.string().max(1000)),
});

const whole = (min: number, max: number) => z.int().min(min).max(max);

const detection = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('server_vad'),
    threshold: optional(z.number().min(0).max(1)),
    prefix_padding_ms: optional(whole(0, 5000)),
    silence_duration_ms: optional(whole(1, 10_000)),
    create_response: optional(z.boolean()),
    interrupt_response: optional(z.boolean()),
    idle_timeout_ms: whole(1000, 600_000).nullish(),
  }),
  z.object({
    type: z.literal('semantic_vad'),
    eagerness: optional(z.enum(['low', 'medium', 'high', 'auto'])),
    create_response: optional(z.boolean()),
    interrupt_response: optional(z.boolean()),
  }),
]);

/** `null` turns a thing off here, and only leaving it out keeps what was. */
export const transcriptionField = transcription.nullish();
export const detectionField = detection.nullish();
export const noiseReductionField = unsupported('noise reduction');

const input = z.object({
  format: optional(format),
  transcription: transcriptionField,
  turn_detection: detectionField,
  noise_reduction: noiseReductionField,
});

export const voiceField = z.union([z.string().min(1).max(64), z.object({ id: z.string().min(1).max(64) })]);

export const outputField = z.object({
  format: optional(format),
  voice: optional(voiceField),
  speed: optional(z.number().min(0.25).max(4)),
});

export const toolsField = z
  .array(
    z
      .object({
        type: z.literal('function', 'only functions are supported').optional(),
        name: z.string().regex(TOOL_NAME, 'expected 1 to 64 letters, digits, "_" and "-"'),
        description: optional(z.string().max(16_384)),
        parameters: optional(z.record(z.string(), z.unknown())),
      })
      .superRefine(({ parameters }, context) => {
        if (parameters && Buffer.byteLength(JSON.stringify(parameters)) > MAX_TOOL_BYTES) {
          const message = `at most ${MAX_TOOL_BYTES} bytes of JSON`;
          context.addIssue({ code: 'custom', path: ['parameters'], message });
        }
      }),
  )
  .max(MAX_TOOLS);

export const toolChoiceField = z.union([
  z.enum(['none', 'auto', 'required']),
  z.object({ type: z.literal('function'), name: z.string().regex(TOOL_NAME) }),
]);

export const modalitiesField = z
  .array(z.enum(['text', 'audio']))
  .min(1)
  .max(2);
export const maxTokensField = z.union([z.literal('inf'), whole(1, 2 ** 31)]);
export const temperatureField = z.number().min(0).max(2);
export const metadataField = z
  .record(z.string().max(64), z.string().max(512))
  .refine((all) => Object.keys(all).length <= 16, 'at most 16 entries');

export const includeField = optional(
  z.array(z.enum(['item.input_audio_transcription.logprobs', TIMINGS])).max(8),
);

/** Of what Zen adds; what it says itself there (`resume_token`) may come back. */
export const zenField = optional(z.object({ min_stage: optional(whole(0, MAX_STAGE)) }));

export const realtimeSession = z.object({
  type: z.literal('realtime'),
  model: optional(z.string().max(256)),
  instructions: optional(longText),
  output_modalities: optional(modalitiesField),
  audio: optional(z.object({ input: optional(input), output: optional(outputField) })),
  tools: optional(toolsField),
  tool_choice: optional(toolChoiceField),
  max_output_tokens: optional(maxTokensField),
  truncation: optional(
    z.enum(['auto', 'disabled'], 'expected "auto" or "disabled"; ratios are not supported'),
  ),
  temperature: optional(temperatureField),
  include: includeField,
  prompt: unsupported('stored prompts'),
  tracing: unsupported('tracing by the client; the gateway has its own'),
  'x-zen': zenField,
});

export const transcriptionSession = z.object({
  type: z.literal('transcription'),
  audio: optional(z.object({ input: optional(input) })),
  include: includeField,
});

export const sessionField = z.discriminatedUnion('type', [realtimeSession, transcriptionSession]);
