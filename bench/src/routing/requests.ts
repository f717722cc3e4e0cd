import { PROMPT_TEXT } from '../subjects';

/** A chat with one turn. */
export interface ChatAsk {
  system: string;
  question: string;
}

export interface RequestShape {
  requests: number;
  /** System prompts that are shared, and the exponent of the law by which some are used more than others. */
  prompts: number;
  zipf: number;
  promptTokens: readonly [least: number, most: number];
}

const WORDS = [...new Set(PROMPT_TEXT.split(/\s+/))];
/** Tokens of a word in the models measured, about. */
const TOKENS_PER_WORD = 1.5;

/** Where a load's chances come from: two loads of one shape ask for as much in the same order, in other words. */
export interface Chances {
  shape: () => number;
  words: () => number;
}

/** Requests that share their system prompts, by Zipf's law; and one that uses each prompt once, to begin with. */
export function sharedPrefixes(
  { prompts, zipf, promptTokens, requests }: RequestShape,
  { shape, words }: Chances,
): { first: ChatAsk[]; asks: ChatAsk[] } {
  const systems = [...Array(prompts)].map(() => textOf(between(promptTokens, shape), words));
  const ask = (system: string) => ({ system, question: textOf(20, words) });
  // Each prompt as often in the table as the law says.
  const table = systems.flatMap((system, rank) => {
    return Array<string>(Math.round(1000 / (rank + 1) ** zipf)).fill(system);
  });
  const drawn = () => table[Math.floor(shape() * table.length)] as string;
  return { first: systems.map(ask), asks: [...Array(requests)].map(() => ask(drawn())) };
}

/** Requests that share nothing. */
export function unrelated(
  { requests, promptTokens }: Pick<RequestShape, 'requests' | 'promptTokens'>,
  { shape, words }: Chances,
): ChatAsk[] {
  return [...Array(requests)].map(() => ({
    system: textOf(between(promptTokens, shape), words),
    question: textOf(20, words),
  }));
}

/** Numbers in [0, 1) that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = (seed * 7919 + 17) % 2147483647;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

function between([least, most]: readonly [number, number], random: () => number): number {
  return least + random() * (most - least);
}

function textOf(tokens: number, random: () => number): string {
  const words = [...Array(Math.round(tokens / TOKENS_PER_WORD))];
  return words.map(() => WORDS[Math.floor(random() * WORDS.length)]).join(' ');
}
