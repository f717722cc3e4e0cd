import type { Sequence } from '../sequence';
import type { Draft } from '../step-backend';
import { MAX_DRAFT } from '../step-backend';
import { Acceptance, MatchAcceptance } from './acceptance';
import { type Candidate, chooseDrafts, type DraftCosts } from './choose-drafts';
import { LONGEST_MATCH, PromptLookup } from './prompt-lookup';
import type { RowCosts } from './row-costs';

export type DrafterName = 'prompt-lookup' | 'stage';

/** `auto`: whichever pays; off; or one drafter, where it pays. */
export type Speculation = 'auto' | 'off' | DrafterName;

export interface DraftCounts {
  drafted: number;
  accepted: number;
}

/** A sequence that decodes in the step, at its stage. */
export interface Decode {
  sequence: Sequence;
  stage: number;
  /** Guesses that it has room for: its limits, its reader's, memory. */
  most: number;
}

/** Guesses that one sequence makes at most in a step, where nothing else bounds it. */
const MOST_GUESSES = 31;
const MOST_STAGE_GUESSES = 8;
/** More sequences than this have no use for drafts on any machine; below it costs decide. */
const MOST_SEQUENCES = 16;
/** Expected gains below this are within the error of the estimates. */
const LEAST_GAIN = 1.1;
/** Rate of a class of guesses before anything is known. */
const FIRST_RATE = 0.5;
/** Share of the rate of other sequences that a new one begins with. */
const TRUST = 0.5;
const FIRST_STAGE_RATE = 0.8;
/** After so many steps with drafts one goes without, so that it stays known what that takes. */
const PLAIN_AFTER_STEPS = 64;
/** A stage that has not drafted for so many steps is tried again, if it could pay at this rate. */
const PROBE_AFTER_STEPS = 256;
const PROBE_RATE = 0.95;

/** What is known of one sequence's drafts. */
export class Drafting {
  readonly lookup: PromptLookup;
  readonly rates: MatchAcceptance;
  readonly stageRates = new Map<number, Acceptance>();
  drafted = 0;
  accepted = 0;
  /** Who made the draft of the running step. */
  drafter: DrafterName | null = null;

  /** `known`: how many of its sampled tokens the look-up begins with. */
  constructor(sequence: Sequence, common: MatchAcceptance, known: number) {
    // What held for others may not hold here, and it costs only a few plain steps to see whether it does.
    this.rates = new MatchAcceptance((length) => TRUST * common.rate(length));
    const { prompt } = sequence.request;
    this.lookup = new PromptLookup(sequence.promptLength + sequence.maxTokens);
    this.lookup.fill(prompt.kind === 'tokens' ? prompt.tokens : []);
    this.lookup.fill(sequence.sampled.slice(0, known));
  }
}

interface Option extends Candidate {
  drafter: DrafterName;
  draft(count: number): Draft;
}

/**
 * Decides who drafts how much. Guesses by look-up are made for every sequence, drafted or not, and compared with what
 * is sampled: so their rate is known before they cost anything, and known again when a text begins to repeat itself.
 */
export class Speculator {
  readonly counts: Record<DrafterName, DraftCounts> = {
    'prompt-lookup': { drafted: 0, accepted: 0 },
    stage: { drafted: 0, accepted: 0 },
  };
  private readonly rates = new MatchAcceptance(() => FIRST_RATE);
  private readonly stageRates = new Map<number, Acceptance>();
  /** Steps since a stage drafted last, or was looked at. */
  private readonly idleSteps = new Map<number, number>();

  private draftedSteps = 0;

  constructor(
    private readonly mode: Speculation,
    private readonly costs: Pick<RowCosts, 'time' | 'knows'>,
  ) {}

  /** Drafts of a step that computes nothing but these; what is not in the result drafts nothing. */
  plan(decodes: readonly Decode[], mostRows: number): Map<Sequence, Draft> {
    const drafts = new Map<Sequence, Draft>();
    if (this.mode === 'off' || decodes.length === 0 || decodes.length > MOST_SEQUENCES) return drafts;
    const top = Math.max(...decodes.map(({ stage }) => stage));
    // What a step without drafts takes is measured first, and again now and then.
    const measured = this.costs.knows(top, decodes.length);
    if (!measured || this.draftedSteps >= PLAIN_AFTER_STEPS) {
      this.draftedSteps = 0;
      return drafts;
    }
    const costs = {
      sequences: decodes.length,
      stepUs: (rows: number) => this.costs.time(top, rows) as number,
      mostRows,
    };
    const options = decodes.map((decode) => this.best(decode, costs));
    const chosen = chooseDrafts(
      options.map((option) => option ?? { rates: [], draftUs: 0 }),
      costs,
    );
    for (const stage of this.idleSteps.keys())
      this.idleSteps.set(stage, (this.idleSteps.get(stage) ?? 0) + 1);
    if (chosen.gain < LEAST_GAIN) return drafts;
    this.draftedSteps++;
    decodes.forEach(({ sequence }, i) => {
      const option = options[i];
      const count = chosen.counts[i] ?? 0;
      if (!option || count === 0) return;
      const draft = option.draft(count);
      this.of(sequence).drafter = option.drafter;
      if (!('tokens' in draft)) this.idleSteps.set(draft.stage, 0);
      drafts.set(sequence, draft);
    });
    return drafts;
  }

  /** What a step gave: `kept` of the draft, if there was one, and in any case these tokens. */
  sampled(sequence: Sequence, draft: Draft | null, kept: number, tokens: readonly number[]): void {
    if (this.mode === 'off') return;
    const state = this.of(sequence, sequence.sampled.length - tokens.length);
    if (draft !== null && state.drafter !== null) {
      const drafted = 'tokens' in draft ? draft.tokens.length : draft.count;
      for (const counts of [state, this.counts[state.drafter]]) {
        counts.drafted += drafted;
        counts.accepted += kept;
      }
      if (!('tokens' in draft)) this.judge(state, draft.stage, kept, drafted);
    }
    state.drafter = null;
    for (const token of tokens) {
      if (state.lookup.matched > 0) {
        const right = state.lookup.next === token;
        for (const rates of [state.rates, this.rates]) rates.add(state.lookup.matched, right);
      }
      state.lookup.push(token);
    }
  }

  /** The guesses of a stage that came out, and the first that did not. */
  private judge(state: Drafting, stage: number, kept: number, drafted: number): void {
    for (const rate of [this.stageRate(stage), this.sequenceRate(state, stage)]) {
      for (let i = 0; i < Math.min(kept + 1, drafted); i++) rate.add(i < kept);
    }
  }

  /** The drafter that would serve this sequence best if no other drafted. */
  private best(decode: Decode, costs: DraftCosts): Option | null {
    const most = Math.min(decode.most, MAX_DRAFT);
    if (most < 1) return null;
    let best: Option | null = null;
    let gain = 1;
    for (const option of this.options(decode, most)) {
      const single = chooseDrafts([option], costs);
      if (single.gain > gain) [best, gain] = [option, single.gain];
    }
    return best;
  }

  private *options({ sequence, stage }: Decode, most: number): Generator<Option> {
    const state = this.of(sequence);
    const { lookup, rates } = state;
    if (this.mode !== 'stage' && lookup.matched > 0) {
      const length = (i: number) => Math.min(LONGEST_MATCH, lookup.matched + i);
      yield {
        drafter: 'prompt-lookup',
        rates: Array.from({ length: Math.min(most, MOST_GUESSES) }, (_, i) => rates.rate(length(i))),
        draftUs: 0,
        draft: (count) => ({ tokens: lookup.guess(count) }),
      };
    }
    if (this.mode === 'prompt-lookup') return;
    for (let lower = stage - 1; lower >= 0; lower--) {
      const draftUs = this.costs.time(lower, 1);
      if (draftUs === undefined) continue;
      const known = this.sequenceRate(state, lower).rate;
      const idle = this.idleSteps.get(lower) ?? 0;
      if (!this.idleSteps.has(lower)) this.idleSteps.set(lower, 0);
      const rate = idle >= PROBE_AFTER_STEPS ? Math.max(known, PROBE_RATE) : known;
      yield {
        drafter: 'stage',
        rates: new Array<number>(Math.min(most, MOST_STAGE_GUESSES)).fill(rate),
        draftUs,
        draft: (count) => ({ stage: lower, count }),
      };
    }
  }

  private of(sequence: Sequence, known = sequence.sampled.length): Drafting {
    sequence.drafting ??= new Drafting(sequence, this.rates, known);
    return sequence.drafting;
  }

  private stageRate(stage: number): Acceptance {
    const known = this.stageRates.get(stage) ?? new Acceptance(() => FIRST_STAGE_RATE);
    this.stageRates.set(stage, known);
    return known;
  }

  private sequenceRate({ stageRates }: Drafting, stage: number): Acceptance {
    const common = this.stageRate(stage);
    const known = stageRates.get(stage) ?? new Acceptance(() => common.rate);
    stageRates.set(stage, known);
    return known;
  }
}
