import type { TokenizeRequest } from '@zen/contracts';
import type { Tokenizer } from '@zen/tokenizer';
import type { PromptLimits } from './prompt-limits';
import { renderChat } from './read-chat';
import { encodeText } from './read-prompt';
import { invalid } from './thinker-error';

/** The tokens that Generate would compute for the same input. */
export function tokenize(
  { input, parseSpecial }: TokenizeRequest,
  tokenizer: Tokenizer,
  limits: PromptLimits,
): Int32Array {
  switch (input?.$case) {
    case undefined:
      throw invalid('input', 'one of text and chat is needed');
    case 'text':
      return encodeText(input.value, tokenizer, limits, parseSpecial);
    case 'chat':
      if (parseSpecial) throw invalid('parse_special', 'goes with text only');
      return renderChat(input.value, tokenizer, limits);
  }
}
