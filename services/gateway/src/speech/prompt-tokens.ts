import { RpcError } from '@zen/rpc';
import { gatewayError } from '../answer/failure';
import type { AnswerSpec } from '../door/visit';
import type { Fleet } from '../fleet/fleet';

/**
 * The tokens of an answer's prompt, of any replica that is connected: voices that take tokens are prefilled with them
 * while the thinker computes. `begun` resolves when the answer has begun: before that a model may sleep.
 *
 * @throws GatewayError
 */
export async function promptTokens(
  fleet: Pick<Fleet, 'group' | 'sleeperOf'>,
  { model, prompt }: Pick<AnswerSpec, 'model' | 'prompt'>,
  begun: Promise<unknown>,
  signal: AbortSignal,
): Promise<number[]> {
  if (prompt.$case === 'tokens') return prompt.value.tokenIds;
  if (prompt.$case === 'embeddings') return [];
  if (fleet.sleeperOf(model)) await begun;
  // All members of a family have one tokenizer.
  const [link] = fleet.group(model).links;
  if (!link) return [];
  try {
    const { tokenIds } = await link.client.tokenize({ input: prompt }, { signal });
    return tokenIds;
  } catch (error) {
    throw gatewayError(RpcError.from(error), signal);
  }
}
