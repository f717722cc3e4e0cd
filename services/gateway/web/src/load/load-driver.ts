import { signal } from '@preact/signals';
import { ApiError } from '../api/api-error';
import { type ChatEvent, type ChatRequest, chat } from '../api/chat';
import { apiKey, modelName } from '../shell/session';
import { connectionsFor } from './connections';

/** Answers that the counters look back on. */
const REMEMBERED = 120;
const TOKENS_PER_ANSWER = 48;
/** Wait after a refusal that names none, milliseconds. */
const DEFAULT_WAIT_MS = 1000;
/** The slider may move a little before streams are torn down and opened again, milliseconds. */
const SETTLE_MS = 300;

const PROMPTS = [
  'Describe a harbour at night.',
  'Explain how bread rises.',
  'List some uses of copper.',
  'Write about a walk in the rain.',
  'What makes a good bridge?',
];

/** What came of the load so far. */
export interface LoadCounts {
  /** Stage of each of the last answers, oldest first. */
  stages: number[];
  answered: number;
  refused: number;
  /** Why the last one was refused; empty once one is answered again. */
  problem: string;
}

const NOTHING: LoadCounts = { stages: [], answered: 0, refused: 0, problem: '' };

/** Streams that are asked for; 0 is off. */
export const wantedStreams = signal(0);
export const loadCounts = signal<LoadCounts>(NOTHING);
let abort = new AbortController();
let settling: number | undefined;

/** Keeps this many answers streaming from now on, until it is set again or the page is hidden. */
export function setLoad(streams: number): void {
  wantedStreams.value = streams;
  clearTimeout(settling);
  settling = window.setTimeout(() => {
    abort.abort();
    abort = new AbortController();
    if (streams > 0) loadCounts.value = { ...NOTHING };
    for (const choices of connectionsFor(streams)) void keepAsking(choices, abort.signal);
  }, SETTLE_MS);
}

/** A page that nobody sees puts no load on anything. */
export function stopLoadWhenHidden(): void {
  document.addEventListener('visibilitychange', () => {
    if (document.hidden && wantedStreams.value > 0) setLoad(0);
  });
}

async function keepAsking(choices: number, signal: AbortSignal): Promise<void> {
  for (let round = 0; !signal.aborted; round++) {
    const content = PROMPTS[round % PROMPTS.length] ?? '';
    const request: ChatRequest = {
      model: modelName.value,
      messages: [{ role: 'user', content }],
      stage: null,
      maxTokens: TOKENS_PER_ANSWER,
      temperature: 1,
      choices,
      ignoreEnd: true,
    };
    try {
      const stages: number[] = [];
      for await (const event of chat(request, apiKey.value, signal)) note(event, stages);
    } catch (error) {
      const { message, retryAfterS } = ApiError.from(error);
      const counts = loadCounts.value;
      loadCounts.value = { ...counts, refused: counts.refused + choices, problem: message };
      await pause(retryAfterS === null ? DEFAULT_WAIT_MS : retryAfterS * 1000, signal);
    }
  }
}

/** `stages`: the newest stage of each choice of this request. */
function note(event: ChatEvent, stages: number[]): void {
  if (event.t === 'piece') stages[event.choice] = event.stage;
  if (event.t !== 'finished') return;
  const { answered, refused, stages: before } = loadCounts.value;
  const stage = stages[event.choice] ?? 0;
  loadCounts.value = {
    answered: answered + 1,
    refused,
    stages: [...before, stage].slice(-REMEMBERED),
    problem: '',
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
