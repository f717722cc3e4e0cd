import type { GenerateRequest } from '@zen/contracts';
import { z } from 'zod';
import { MAX_CHOICES, optional, samplingFields, unsupported } from './sampling.schema';

/** Longest prompt of token ids; the thinker's context is far below it. */
const MAX_TOKEN_IDS = 2 ** 20;

const tokens = z
  .array(
    z
      .int()
      .min(0)
      .max(2 ** 32 - 1),
  )
  .min(1)
  .max(MAX_TOKEN_IDS);
const promptField = z.union([
  z.string(),
  tokens,
  z.array(z.string()).min(1).max(MAX_CHOICES),
  z.array(tokens).min(1).max(MAX_CHOICES),
]);

export const completionSchema = z
  .object({
    ...samplingFields,
    prompt: promptField,
    logprobs: optional(z.int().min(0).max(20)),
    best_of: unsupported('best_of other than 1', (value) => value === 1),
    echo: unsupported('echo', (value) => value === false),
    suffix: unsupported('suffix', (value) => value === ''),
  })
  .superRefine((body, context) => {
    const choices = promptsOf(body).length * (body.n ?? 1);
    if (choices <= MAX_CHOICES) return;
    const message = `prompts times n is ${choices}, at most ${MAX_CHOICES}`;
    context.addIssue({ code: 'custom', path: ['prompt'], message });
  });

type PromptField = z.infer<typeof promptField>;

export type CompletionBody = z.infer<typeof completionSchema>;

export type Prompt = NonNullable<GenerateRequest['prompt']>;

export function promptsOf({ prompt }: { prompt: PromptField }): Prompt[] {
  if (typeof prompt === 'string') return [textPrompt(prompt)];
  if (isTokens(prompt)) return [tokenPrompt(prompt)];
  return prompt.map((one) => (typeof one === 'string' ? textPrompt(one) : tokenPrompt(one)));
}

function isTokens(prompt: number[] | string[] | number[][]): prompt is number[] {
  return typeof prompt[0] === 'number';
}

function textPrompt(text: string): Prompt {
  return { $case: 'text', value: text.toWellFormed() };
}

function tokenPrompt(tokenIds: number[]): Prompt {
  return { $case: 'tokens', value: { tokenIds } };
}
