import {
  type ExpertFalls,
  ExpertFloor,
  type FinishReason,
  type GenerateRequest,
  type Sampling,
  type StageQuality,
  type TokenLogprob,
  Upgrade,
  type Usage,
} from '@zen/contracts';
import type { RungReason } from '@zen/quality';
import type { RouteReason } from '@zen/routing';
import type { AnswerDelta } from '../deltas/answer-delta';
import type { DeltaWish } from '../deltas/delta-wish';
import type { Tenant } from '../keys/tenant';
import type { ResumeOffer } from '../resume/resume-tokens';
import type { CallRules } from '../tools/call-parser';

/** What the caller wants of the stage; each field may come from a header, a message or the tenant. */
export interface QualityWish {
  pin: number | undefined;
  minStage: number | undefined;
  /** The best that there is or nothing: of a family the top stage of its best member. */
  full: boolean;
  /** A program reads the answer: JSON or a tool call. */
  structured: boolean;
  ttftMs: number | undefined;
  tpotMs: number | undefined;
  /** Whether a running answer follows a higher stage that its replica attaches. */
  upgrade: Upgrade;
  /** How far the answer may fall where experts are away; UNSPECIFIED: as the key says. */
  expertFloor: ExpertFloor;
}

export const NO_WISH: QualityWish = {
  pin: undefined,
  minStage: undefined,
  full: false,
  structured: false,
  ttftMs: undefined,
  tpotMs: undefined,
  upgrade: Upgrade.UPGRADE_BOUNDARY,
  expertFloor: ExpertFloor.EXPERT_FLOOR_UNSPECIFIED,
};

/** One answer to produce, whatever door the request came through. */
export interface AnswerRequest {
  requestId: string;
  tenant: Tenant;
  model: string;
  prompt: NonNullable<GenerateRequest['prompt']>;
  sampling: Sampling;
  /** 0 means up to the context length. */
  maxTokens: number;
  wish: QualityWish;
  priority: GenerateRequest['priority'];
  /** The delta that it asks for, as it names it. */
  deltaWish: DeltaWish;
  /** What that stood for when the request came; null for the base. It stays the same to the last token. */
  delta: AnswerDelta | null;
  /** The tools of the prompt that the answer may call; undefined: its text is text. */
  toolUse?: CallRules | undefined;
  /** Only the prompt is computed, for one that will begin as it does: there is no piece. */
  prefillOnly?: boolean;
  /** Goes on with an answer to this request that broke off elsewhere. */
  resume?: ResumeWish | undefined;
  /** Metadata of the calls to thinkers: the trace context. */
  carrier: Record<string, string>;
}

export interface ResumeWish {
  token: string;
  /** What the caller calls it, for errors. */
  field: string;
}

/** A call of a tool, whole. */
export interface AnswerCall {
  /** Among the answer's calls, from 0. */
  index: number;
  id: string;
  name: string;
  /** JSON text of an object. */
  arguments: string;
}

export interface AnswerPiece {
  kind: 'piece';
  /** What is to be shown: of calls nothing. */
  text: string;
  /** That became whole with this piece. */
  calls?: AnswerCall[];
  /** Whose text and log probabilities these are. */
  tokenIds: number[];
  logprobs: TokenLogprob[];
  stage: number;
  /** Of its replica's part of the answer up to here; undefined where there were none. */
  expertFalls?: ExpertFalls | undefined;
}

export interface AnswerEnd {
  kind: 'end';
  reason: FinishReason;
  usage: Usage;
  stop: string;
  /** Whether the answer has called a tool. */
  called?: boolean;
  /** As of a piece; of the whole answer where its caller is to see it. */
  expertFalls?: ExpertFalls | undefined;
}

/** An answer whose first piece has arrived: from here on nobody can be told another stage in a header. */
export interface Answer {
  /** The one that answers: of a family one of its members. */
  model: string;
  replica: string;
  stage: number;
  /** `resumed`: another gateway began it. */
  reason: RungReason | 'resumed';
  /** Why this replica. */
  route: RouteReason;
  quality: StageQuality | undefined;
  /** Of the delta that answers; empty for the base. */
  deltaDigest: string;
  seed: bigint;
  /** Milliseconds from the request to the first piece. */
  ttftMs: number;
  /** The part of it for which thinkers were asked. */
  thinkerMs: number;
  /** UTF-16 units of text that the caller has already. */
  textUnits: number;
  /** How its caller can go on with it, as of the last event. */
  resume: ResumeOffer;
  /** Pieces and exactly one end, last. Returning early cancels it. */
  events: AsyncIterable<AnswerPiece | AnswerEnd>;
}
