import type { ResumeWish } from '../answer/answer';
import type { DeltaAsks } from '../deltas/delta-wish';
import { wishFromHeaders } from '../door/quality-wish';
import type { AnswerSpec, Headers } from '../door/visit';
import { GatewayError } from '../gateway-error';
import { type AnswerFormat, chatFormat, completionFormat } from '../openai/answer-format';
import type { ChatBody } from '../openai/chat.schema';
import { type CompletionBody, promptsOf } from '../openai/completion.schema';
import { messagesOf } from '../openai/messages';
import { priorityOf, samplingOf } from '../openai/sampling';
import type { SamplingFields } from '../openai/sampling.schema';
import { choiceOf, toolsOf } from '../openai/tools.schema';
import type { Voicing } from '../speech/chat-speech';
import { offerTools, withTools } from '../tools/tool-use';

/** A checked request of either completion route: one answer for each choice. */
export interface CompletionRequest {
  /** Which model and which delta, as the request has it. */
  asks: DeltaAsks;
  idPrefix: string;
  format: AnswerFormat;
  stream: boolean;
  includeUsage: boolean;
  logprobs: boolean;
  choicesPerPrompt: number;
  /** How the answer is spoken; undefined: it is not. */
  voicing?: Voicing;
  answers: Omit<AnswerSpec, 'model' | 'deltaWish'>[];
}

export function fromChat(body: ChatBody, headers: Headers): CompletionRequest {
  const wantsLogprobs = body.logprobs ?? false;
  if (body.top_logprobs !== undefined && !wantsLogprobs) {
    const message = 'top_logprobs: needs logprobs to be true';
    throw new GatewayError('invalid_request', message, { param: 'top_logprobs' });
  }
  const { prompt: chat, use } = offerTools({
    messages: messagesOf(body),
    tools: toolsOf(body.tools),
    choice: choiceOf(body.tool_choice),
    single: body.parallel_tool_calls === false,
  });
  if (use && wantsLogprobs) {
    const message = 'logprobs: not supported together with tools, whose calls are taken out of the text';
    throw new GatewayError('unsupported', message, { param: 'logprobs' });
  }
  const prompt = { $case: 'chat' as const, value: chat };
  const logprobs = wantsLogprobs ? (body.top_logprobs ?? 0) : undefined;
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? 0;
  const request = fromFields(body, headers, [prompt], logprobs, maxTokens, 'chatcmpl', chatFormat);
  const spoken = { ...request, ...voicingOf(body, headers) };
  return use ? { ...spoken, answers: spoken.answers.map((spec) => withTools(spec, use)) } : spoken;
}

function voicingOf(body: ChatBody, headers: Headers): { voicing?: Voicing } {
  const { modalities, audio, priority } = body;
  if (!audio || !modalities?.includes('audio')) return {};
  if (headers[RESUME_HEADER]) {
    const message = `${RESUME_HEADER}: an answer in speech cannot be continued`;
    throw new GatewayError('unsupported', message, { param: RESUME_HEADER });
  }
  return { voicing: { ...audio, full: wishFromHeaders(headers).full, priority: priorityOf(priority) } };
}

export function fromCompletion(body: CompletionBody, headers: Headers): CompletionRequest {
  const maxTokens = body.max_tokens ?? DEFAULT_COMPLETION_TOKENS;
  return fromFields(body, headers, promptsOf(body), body.logprobs, maxTokens, 'cmpl', completionFormat);
}

/** OpenAI's default on the older route. */
const DEFAULT_COMPLETION_TOKENS = 16;

function fromFields(
  body: SamplingFields,
  headers: Headers,
  prompts: AnswerSpec['prompt'][],
  logprobs: number | undefined,
  maxTokens: number,
  idPrefix: string,
  format: AnswerFormat,
): CompletionRequest {
  const stream = body.stream ?? false;
  if (body.stream_options !== undefined && !stream) {
    const message = 'stream_options: only allowed when stream is true';
    throw new GatewayError('invalid_request', message, { param: 'stream_options' });
  }
  const wish = wishFromHeaders(headers);
  const priority = priorityOf(body.priority);
  const n = body.n ?? 1;
  const resume = resumeOf(headers, stream && n === 1 && prompts.length === 1);
  const answers = prompts.flatMap((prompt, at) =>
    [...Array(n).keys()].map((choice) => {
      const sampling = samplingOf(body, logprobs, at * n + choice);
      return { prompt, sampling, maxTokens, wish, priority, resume };
    }),
  );
  return {
    asks: { model: body.model, header: headers['x-zen-delta'], user: body.user },
    idPrefix,
    format,
    stream,
    includeUsage: body.stream_options?.include_usage ?? false,
    logprobs: logprobs !== undefined,
    choicesPerPrompt: n,
    answers,
  };
}

const RESUME_HEADER = 'last-event-id';

/** The last id of a stream that broke off: the request is the same again, and only the rest is answered. */
function resumeOf(headers: Headers, single: boolean): ResumeWish | undefined {
  const token = headers[RESUME_HEADER];
  if (token === undefined || token === '') return undefined;
  if (single) return { token, field: RESUME_HEADER };
  const message = `${RESUME_HEADER}: only a stream of one choice can be continued`;
  throw new GatewayError('invalid_request', message, { param: RESUME_HEADER });
}
