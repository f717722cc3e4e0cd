import { ExpertFloor, ZenClient, ZenError } from '@zen/client';
import type { Ask } from './asks';
import { backOff, type Listener, PATIENCE_MS, type Terms } from './stream';

/** Failures that a later attempt may not have. */
const PASSING = new Set(['UNAVAILABLE', 'RESOURCE_EXHAUSTED']);

/** One answer over gRPC through the client that users get; where that gives up, asked for again and again. */
export function grpcStream(gateways: string[], apiKey: string | undefined) {
  const zen = new ZenClient({ gateways, ...(apiKey === undefined ? {} : { apiKey }) });
  return async (
    ask: Ask,
    { model, stage }: Terms,
    listener: Listener,
    signal: AbortSignal,
  ): Promise<string> => {
    const until = Date.now() + PATIENCE_MS;
    let text = '';
    let resumeToken = '';
    for (let attempt = 0; ; attempt++) {
      const request = {
        model,
        messages: ask.messages,
        maxTokens: ask.maxTokens,
        sampling: { temperature: 0 },
        quality: { stage },
        // A stand-in for an expert would be another text.
        expertFloor: ExpertFloor.EXPERT_FLOOR_EXACT,
        resumeToken,
      };
      try {
        for await (const event of zen.chat(request, { signal })) {
          if (event.type === 'finished') return text;
          if (event.type !== 'piece') continue;
          text += event.piece.text;
          listener.piece();
        }
        throw new Error('the answer ended without its end');
      } catch (error) {
        if (!(error instanceof ZenError) || !PASSING.has(error.code) || Date.now() > until) throw error;
        const why = `${error.code} ${error.message}`;
        if (text === '') listener.retried(why);
        else if (error.resumeToken === null) throw new Error(`broke off without a resume token: ${why}`);
        else listener.resumed(why);
        resumeToken = error.resumeToken ?? '';
        await backOff(attempt, error.retryAfterMs ?? undefined, signal);
      }
    }
  };
}
