import { z } from 'zod';

/** Largest unsigned 32-bit integer: what a token count is on the wire. */
const MAX_U32 = 2 ** 32 - 1;
export const MAX_CHOICES = 8;
const MAX_STOPS = 16;
const MAX_STOP_BYTES = 256;
const MAX_BIASES = 1024;

/** `null` means the default, as in OpenAI's own schema. */
export const optional = <T extends z.ZodType>(type: T) =>
  type.nullish().transform((value) => value ?? undefined);

const stopText = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_STOP_BYTES, `at most ${MAX_STOP_BYTES} bytes`);

const logitBias = z.record(z.string(), z.number().min(-100).max(100)).superRefine((biases, context) => {
  const ids = Object.keys(biases);
  if (ids.length > MAX_BIASES) {
    context.addIssue({ code: 'custom', message: `at most ${MAX_BIASES} entries, not ${ids.length}` });
  }
  for (const id of ids) {
    if (!/^\d{1,10}$/.test(id) || Number(id) > MAX_U32) {
      context.addIssue({ code: 'custom', path: [id], message: 'a key is a token id: a whole number' });
      return;
    }
  }
});

/** A field that means something in OpenAI's API but is not honoured here is refused by name, never ignored. */
export const unsupported = (why: string, allowed: (value: unknown) => boolean = () => false) =>
  z
    .unknown()
    .superRefine((value, context) => {
      if (value === undefined || value === null || allowed(value)) return;
      context.addIssue({ code: 'custom', message: `not supported: ${why}`, params: { unsupported: true } });
    })
    .optional();

/** What both completion routes share. Unknown fields pass and are ignored. */
export const samplingFields = {
  model: z.string().min(1).max(256),
  stream: optional(z.boolean()),
  stream_options: optional(z.object({ include_usage: optional(z.boolean()) })),
  n: optional(z.int().min(1).max(MAX_CHOICES)),
  max_tokens: optional(z.int().min(1).max(MAX_U32)),
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().min(0).max(1)),
  top_k: optional(z.int().min(-1).max(MAX_U32)),
  min_p: optional(z.number().min(0).max(1)),
  repetition_penalty: optional(z.number().positive().max(10)),
  presence_penalty: optional(z.number().min(-2).max(2)),
  frequency_penalty: optional(z.number().min(-2).max(2)),
  logit_bias: optional(logitBias),
  seed: optional(z.int()),
  stop: optional(z.union([stopText, z.array(stopText).max(MAX_STOPS)])),
  ignore_eos: optional(z.boolean()),
  priority: optional(z.enum(['batch', 'normal', 'interactive'])),
  user: optional(z.string().max(512)),
};

export type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>;
