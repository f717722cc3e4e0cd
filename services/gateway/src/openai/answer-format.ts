import type { TokenLogprob } from '@zen/contracts';
import type { AnswerCall, AnswerEnd, AnswerPiece } from '../answer/answer';
import { chatLogprobs, completionLogprobs } from './logprobs';
import { finishReason, type OpenAiUsage, zenUsage } from './usage';

/** What an answer says about itself in every chunk. */
export interface AnswerHead {
  id: string;
  model: string;
  /** Seconds since 1970. */
  created: number;
}

/** The finished text of one choice. */
export interface FinishedChoice {
  text: string;
  calls: AnswerCall[];
  logprobs: TokenLogprob[] | null;
  end: AnswerEnd;
  /** Where it is spoken: its text is the transcript. */
  audio?: { id: string; data: string; transcript: string; expires_at: number };
}

/** How one route writes its answers: whole, and in chunks of which the parts that never change are made once. */
export interface AnswerFormat {
  whole(head: AnswerHead, choices: readonly FinishedChoice[], usage: OpenAiUsage): unknown;
  chunks(head: AnswerHead, options: { logprobs: boolean; usage: boolean }): ChunkWriter;
}

/** Every result is one JSON text. */
export interface ChunkWriter {
  /** Before the first piece of a choice; null where the route has no such chunk. `silent`: a call comes first. */
  opening(index: number, silent?: boolean): string | null;
  /**
   * `offset`: UTF-16 units of the choice's text so far. The chunk says besides OpenAI's fields which stage computed
   * it, `"zen":{"stage":2}`: an answer may climb while it runs.
   */
  piece(index: number, piece: AnswerPiece, offset: number): string;
  /** A call of a tool: what it is, then its arguments. */
  call(index: number, call: AnswerCall): string[];
  /** Where experts were away, `"zen":{"expert_falls":{"stand_in":3,"without":0}}`. */
  finish(index: number, end: AnswerEnd): string;
  usage(usage: OpenAiUsage): string;
}

export const chatFormat: AnswerFormat = {
  whole: ({ id, model, created }, choices, usage) => ({
    id,
    object: 'chat.completion',
    created,
    model,
    choices: choices.map(({ text, calls, logprobs, end, audio }, index) => ({
      index,
      message: {
        role: 'assistant',
        content: audio || (text === '' && calls.length > 0) ? null : text,
        refusal: null,
        ...(audio ? { audio } : {}),
        ...(calls.length > 0 ? { tool_calls: calls.map(wholeCall) } : {}),
      },
      logprobs: logprobs && chatLogprobs(logprobs),
      finish_reason: finishReason(end),
    })),
    usage,
  }),
  chunks(head, options) {
    const [before, after] = frame('chat.completion.chunk', head, options.usage);
    const choice = (index: number, delta: string, logprobs: string, reason: string, more = '') =>
      `${before}{"index":${index},"delta":${delta},"logprobs":${logprobs},"finish_reason":${reason}}${after}${more}}`;
    return {
      opening: (index, silent) => {
        const content = silent ? 'null' : '""';
        return choice(index, `{"role":"assistant","content":${content},"refusal":null}`, 'null', 'null');
      },
      piece: (index, { text, logprobs, stage }) => {
        const shown = options.logprobs ? JSON.stringify(chatLogprobs(logprobs)) : 'null';
        return choice(index, `{"content":${JSON.stringify(text)}}`, shown, 'null', stageField(stage));
      },
      call: (index, { index: at, id, name, arguments: args }) => {
        const head = { index: at, id, type: 'function', function: { name, arguments: '' } };
        const rest = { index: at, function: { arguments: args } };
        return [head, rest].map((one) =>
          choice(index, JSON.stringify({ tool_calls: [one] }), 'null', 'null'),
        );
      },
      finish: (index, end) => choice(index, '{}', 'null', `"${finishReason(end)}"`, fallsField(end)),
      usage: (usage) => usageChunk('chat.completion.chunk', head, usage),
    };
  },
};

export const completionFormat: AnswerFormat = {
  whole: ({ id, model, created }, choices, usage) => ({
    id,
    object: 'text_completion',
    created,
    model,
    choices: choices.map(({ text, logprobs, end }, index) => ({
      index,
      text,
      logprobs: logprobs && completionLogprobs(logprobs, 0),
      finish_reason: finishReason(end),
    })),
    usage,
  }),
  chunks(head, options) {
    const [before, after] = frame('text_completion', head, options.usage);
    const choice = (index: number, text: string, logprobs: string, reason: string, more = '') =>
      `${before}{"index":${index},"text":${text},"logprobs":${logprobs},"finish_reason":${reason}}${after}${more}}`;
    return {
      opening: () => null,
      piece: (index, { text, logprobs, stage }, offset) => {
        const shown = options.logprobs ? JSON.stringify(completionLogprobs(logprobs, offset)) : 'null';
        return choice(index, JSON.stringify(text), shown, 'null', stageField(stage));
      },
      // A plain text has no tools.
      call: () => [],
      finish: (index, end) => choice(index, '""', 'null', `"${finishReason(end)}"`, fallsField(end)),
      usage: (usage) => usageChunk('text_completion', head, usage),
    };
  },
};

function wholeCall({ id, name, arguments: args }: AnswerCall) {
  return { id, type: 'function', function: { name, arguments: args } };
}

function stageField(stage: number): string {
  return `,"zen":{"stage":${stage}}`;
}

/** Said at the end of a choice whether or not its caller asked for usage. */
function fallsField({ expertFalls }: AnswerEnd): string {
  return expertFalls ? `,"zen":${JSON.stringify(zenUsage(expertFalls))}` : '';
}

/** What surrounds a choice; the closing brace is the chunk's to add. */
function frame(object: string, head: AnswerHead, usage: boolean): [before: string, after: string] {
  const fields = JSON.stringify({ id: head.id, object, created: head.created, model: head.model });
  return [`${fields.slice(0, -1)},"choices":[`, usage ? '],"usage":null' : ']'];
}

function usageChunk(object: string, { id, created, model }: AnswerHead, usage: OpenAiUsage): string {
  return JSON.stringify({ id, object, created, model, choices: [], usage });
}
