import { type Signal, signal } from '@preact/signals';
import { ApiError } from '../api/api-error';
import { type ChatEvent, type ChatRequest, chat, type Message } from '../api/chat';
import { AnswerReader, announce } from '../shell/announcer';
import { apiKey, keyWanted, maxTokens, modelName, temperature } from '../shell/session';
import { type AnswerState, grown, newAnswer, textOf } from './answer-state';

/** Pieces are drawn this often, milliseconds: more would be work that nobody sees. */
const DRAW_EVERY_MS = 33;
let nextId = 0;

export interface Turn {
  id: number;
  prompt: string;
  /** One answer, or two side by side. */
  answers: Signal<AnswerState>[];
  /** The pinned stage of each answer. */
  pins: (number | null)[];
}

/** What one view asks: its turns, and whether an answer runs. */
export interface Talk {
  turns: Signal<Turn[]>;
  /** Aborts what runs; null while nothing does. */
  running: Signal<AbortController | null>;
  ask(prompt: string, pins: (number | null)[]): Promise<void>;
}

/** A conversation: the model is shown what was said before. */
export const chatting: Talk = {
  turns: signal([]),
  running: signal(null),
  async ask(prompt, pins) {
    const turn = begin(this, prompt, pins);
    const messages = historyOf(this.turns.value);
    await run(this, async (abort) => {
      const reader = new AnswerReader();
      await stream(turn, 0, messages, abort, (event) => {
        if (event.t === 'opened') announce(`Answer from stage ${event.head.stage}:`);
        if (event.t === 'piece') reader.add(event.text);
      });
      reader.end();
      announce(endText(turn.answers[0]?.value));
    });
  },
};

/** The same prompt at two stages at once; without a history, so that only the stage differs. */
export const comparing: Talk = {
  turns: signal([]),
  running: signal(null),
  async ask(prompt, pins) {
    const turn = begin(this, prompt, pins);
    await run(this, (abort) =>
      Promise.all(
        pins.map(async (pin, at) => {
          await stream(turn, at, [{ role: 'user', content: prompt }], abort, () => {});
          const answer = turn.answers[at]?.value;
          if (answer) announce(`Stage ${pin}: ${textOf(answer)} ${endText(answer)}`);
        }),
      ),
    );
  },
};

/** Asks a prompt once more, in place of its answer. */
export function again(talk: Talk, turn: Turn): Promise<void> {
  talk.turns.value = talk.turns.value.filter((one) => one !== turn);
  return talk.ask(turn.prompt, turn.pins);
}

export function stop(talk: Talk): void {
  talk.running.value?.abort();
}

export function clear(talk: Talk): void {
  stop(talk);
  talk.turns.value = [];
}

function begin({ turns }: Talk, prompt: string, pins: (number | null)[]): Turn {
  const answers = pins.map(() => signal(newAnswer(performance.now())));
  const turn = { id: nextId++, prompt, answers, pins };
  turns.value = [...turns.value, turn];
  return turn;
}

async function run(talk: Talk, work: (abort: AbortController) => Promise<unknown>): Promise<void> {
  stop(talk);
  const abort = new AbortController();
  talk.running.value = abort;
  await work(abort);
  if (talk.running.value === abort) talk.running.value = null;
}

async function stream(
  turn: Turn,
  at: number,
  messages: readonly Message[],
  abort: AbortController,
  onEvent: (event: ChatEvent) => void,
): Promise<void> {
  const shown = turn.answers[at] as Signal<AnswerState>;
  let answer = shown.value;
  let timer: number | undefined;
  const draw = () => {
    timer = undefined;
    shown.value = answer;
  };
  const request: ChatRequest = {
    model: modelName.value,
    messages,
    stage: turn.pins[at] ?? null,
    maxTokens: maxTokens.value,
    temperature: temperature.value,
  };
  try {
    for await (const event of chat(request, apiKey.value, abort.signal)) {
      answer = grown(answer, event, performance.now());
      onEvent(event);
      timer ??= window.setTimeout(draw, DRAW_EVERY_MS);
    }
    if (answer.status !== 'done') answer = { ...answer, status: 'stopped' };
  } catch (error) {
    const { message, code, retryAfterS } = ApiError.from(error);
    if (code === 'invalid_api_key') keyWanted.value = true;
    answer = { ...answer, status: 'failed', error: message, retryAfterS };
  }
  clearTimeout(timer);
  draw();
}

/** What the model is shown of the conversation: answers that say something, and the newest prompt. */
function historyOf(list: readonly Turn[]): Message[] {
  return list.flatMap(({ prompt, answers }, at): Message[] => {
    const user: Message = { role: 'user', content: prompt };
    if (at === list.length - 1) return [user];
    const text = answers[0] ? textOf(answers[0].value) : '';
    return text === '' ? [] : [user, { role: 'assistant', content: text }];
  });
}

function endText(answer: AnswerState | undefined): string {
  switch (answer?.status) {
    case 'done':
      return answer.cut ? 'The answer was cut off at the limit of tokens.' : 'End of the answer.';
    case 'stopped':
      return 'Stopped.';
    case 'failed':
      return answer.error;
    default:
      return '';
  }
}
