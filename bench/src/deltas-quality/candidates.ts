import type { Recipe } from '@zen/deltas';

export const TEXTS = ['tickets', 'keeper', 'glossary'] as const;
export type Text = (typeof TEXTS)[number];

/** One delta that is measured. */
export interface Candidate {
  text: Text;
  recipe: Recipe;
  modules: 'all' | 'attention';
  /** 0 where the recipe has none. */
  rank: number;
  /** Of training; 0 for none. */
  steps: number;
  /** `trained`: straight on the text. Else built from the full fine-tune, with scales distilled on its logits or not. */
  how: 'trained' | 'closed form' | 'distilled';
}

/** The rank of the deltas that are kept as fixtures: the largest of at most 120 KB over all modules. */
export const FIXTURE_RANK = 3;

type Wanted = Omit<Candidate, 'text'>;

/** Of every training, so that ranks can be compared. */
const STEPS = 60;

/** What the bars are about: made of every text. */
const EACH: readonly Wanted[] = [
  { recipe: 'lora1', modules: 'all', rank: FIXTURE_RANK, how: 'trained', steps: STEPS },
  { recipe: 'dense1', modules: 'all', rank: 0, how: 'closed form', steps: 0 },
  { recipe: 'attn1', modules: 'attention', rank: 0, how: 'closed form', steps: 0 },
];

/** More points of quality against bytes, of one text. */
const CURVE: readonly Wanted[] = [
  { recipe: 'lora1', modules: 'attention', rank: 1, how: 'trained', steps: STEPS },
  { recipe: 'lora1', modules: 'attention', rank: 8, how: 'trained', steps: STEPS },
  { recipe: 'lora1', modules: 'all', rank: 1, how: 'trained', steps: STEPS },
  { recipe: 'lora1', modules: 'all', rank: 8, how: 'trained', steps: STEPS },
  { recipe: 'lora1', modules: 'all', rank: 15, how: 'trained', steps: STEPS },
  { recipe: 'vec', modules: 'all', rank: 0, how: 'trained', steps: STEPS },
  { recipe: 'lora16', modules: 'all', rank: 1, how: 'trained', steps: STEPS },
  { recipe: 'dense1', modules: 'all', rank: 0, how: 'distilled', steps: 5 },
];

/** `curve`: the whole curve where the text has it. */
export function candidatesOf(text: Text, curve: boolean): Candidate[] {
  return [...EACH, ...(curve && text === 'glossary' ? CURVE : [])].map((wanted) => ({ ...wanted, text }));
}
