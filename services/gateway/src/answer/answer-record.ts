import type { ExpertFalls, ExpertFloor, Started } from '@zen/contracts';
import { GatewayError } from '../gateway-error';
import type { AnswerEnd, AnswerPiece } from './answer';
import { addFalls } from './expert-falls';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Where an answer is taken up that another gateway began. */
export interface ResumePoint {
  model: string;
  stage: number;
  seed: bigint;
  /** Of the delta that has answered so far; empty for the base. */
  deltaDigest: string;
  /** How far it may fall; UNSPECIFIED where the token does not say. */
  expertFloor: ExpertFloor;
  /** Of `tokens`; undefined where there were none. */
  expertFalls: ExpertFalls | undefined;
  /** The answer's first tokens, and the UTF-16 units of their text. */
  tokens: readonly number[];
  textUnits: number;
  /** Tokens that the caller has, and their hash: what lies between `tokens` and here is computed again. */
  position: number;
  hash: number;
}

interface Cut {
  tokens: number;
  textUnits: number;
  expertFalls: ExpertFalls | undefined;
}

/** What is known of an answer that has to survive the replica that gives it. */
export class AnswerRecord {
  readonly tokens: number[] = [];
  /** Of all tokens so far, 32 bits: tells whether the same answer was computed again. */
  hash = FNV_OFFSET;
  /** UTF-16 units of the text so far. */
  textUnits = 0;
  /** Of what was computed again because the caller has it, the text. */
  skippedText = '';
  seed = 0n;
  /** The stage of the last token; null before the first. */
  stage: number | null = null;
  /**
   * Its tokens came from more than one stage, or lacked experts that may be there another time: it cannot be computed
   * again from its beginning.
   */
  mixed = false;
  /** Of the last place where a token may be cut off: as many tokens as a resume token holds. */
  cut: Cut = { tokens: 0, textUnits: 0, expertFalls: undefined };
  private length = 0;
  private cachedPromptTokens: number | undefined;
  /** Of replicas before the one that answers now, and of that one. */
  private fallsBefore: ExpertFalls | undefined;
  private fallsHere: ExpertFalls | undefined;

  constructor(
    /** Tokens that are kept at most; a longer answer cannot go on elsewhere. */
    private readonly mostTokens: number,
    /** Tokens that a resume token holds at most. */
    private readonly mostInToken: number,
    /** Where the caller's own copy of the answer ends; null for one that begins here. */
    private readonly from: ResumePoint | null = null,
  ) {
    if (!from) return;
    this.count(from.tokens);
    this.seed = from.seed;
    this.stage = from.stage;
    this.textUnits = from.textUnits;
    this.fallsBefore = from.expertFalls;
    this.mixed = from.expertFalls !== undefined;
    this.cut = { tokens: this.length, textUnits: from.textUnits, expertFalls: from.expertFalls };
  }

  /** Tokens of the answer so far. */
  get position(): number {
    return this.length;
  }

  /** Whether every token so far is kept. */
  get whole(): boolean {
    return this.tokens.length === this.length;
  }

  /** Tokens up to which the caller has the answer already; 0 for none. */
  get skipsTo(): number {
    return this.from !== null && this.from.position > this.from.tokens.length ? this.from.position : 0;
  }

  started({ seed, cachedPromptTokens }: Started): void {
    if (this.length === 0) this.seed = seed;
    this.cachedPromptTokens ??= cachedPromptTokens;
    this.fallsBefore = addFalls(this.fallsBefore, this.fallsHere);
    this.fallsHere = undefined;
  }

  /** Takes a piece down; false where the caller has it already. */
  add({ tokenIds, text, stage, expertFalls }: AnswerPiece): boolean {
    const before = this.length;
    this.count(tokenIds);
    this.textUnits += text.length;
    this.fallsHere = expertFalls ?? this.fallsHere;
    if ((this.stage !== null && stage !== this.stage) || this.fallsHere) this.mixed = true;
    this.stage = stage;
    if (this.length <= this.mostInToken) {
      const falls = addFalls(this.fallsBefore, this.fallsHere);
      this.cut = { tokens: this.length, textUnits: this.textUnits, expertFalls: falls };
    }
    if (before >= this.skipsTo) return true;
    if (this.length >= this.skipsTo && this.hash !== this.from?.hash) throw notAgain();
    this.skippedText += text;
    return false;
  }

  /** The end as the caller is to see it: of the whole answer, whoever gave its parts. */
  end(end: AnswerEnd): AnswerEnd {
    if (this.length < this.skipsTo) throw notAgain();
    const { cachedPromptTokens = end.usage.cachedPromptTokens } = this;
    const expertFalls = addFalls(this.fallsBefore, end.expertFalls);
    return { ...end, usage: { ...end.usage, cachedPromptTokens }, expertFalls };
  }

  private count(tokens: readonly number[]): void {
    const room = this.whole && this.length + tokens.length <= this.mostTokens;
    let { hash } = this;
    for (const token of tokens) {
      hash = Math.imul(hash ^ token, FNV_PRIME) >>> 0;
      if (room) this.tokens.push(token);
    }
    this.hash = hash;
    this.length += tokens.length;
    if (!room && tokens.length > 0) this.tokens.length = Math.min(this.tokens.length, this.cut.tokens);
  }
}

function notAgain(): GatewayError {
  const message = 'the answer cannot be computed again as it was; ask anew, without a resume token';
  return new GatewayError('unavailable', message);
}
