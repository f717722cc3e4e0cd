import type { GenerateRequest } from '@zen/contracts';

/** A prompt's text or tokens in their order, for `prefixChain`; nothing of one that no cache can have. */
export function promptParts(
  prompt: NonNullable<GenerateRequest['prompt']>,
): readonly (string | readonly number[])[] {
  switch (prompt.$case) {
    case 'text':
      return [prompt.value];
    case 'chat':
      return [
        ...prompt.value.tools.flatMap(({ name, description, parameters }) => [name, description, parameters]),
        ...prompt.value.messages.flatMap(({ role, content, toolCalls }) => [
          role,
          content,
          ...toolCalls.flatMap((call) => [call.name, call.arguments]),
        ]),
      ];
    case 'tokens':
      return [prompt.value.tokenIds];
    case 'embeddings':
      return [];
  }
}
