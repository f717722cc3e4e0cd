import { type GenerationEvent, NO_FALLS, type SamplingParams } from '@zen/batching';
import {
  type ExpertFalls,
  FinishReason,
  type GenerateResponse,
  type Piece,
  type TokenLogprob,
  Usage,
} from '@zen/contracts';
import type { Tokenizer } from '@zen/tokenizer';
import { StopFilter } from './stop-filter';

type Token = Extract<GenerationEvent, { type: 'token' }>;
type Finished = Extract<GenerationEvent, { type: 'finished' }>;

const REASONS: Record<Finished['reason'], FinishReason> = {
  stopToken: FinishReason.FINISH_REASON_STOP,
  stopText: FinishReason.FINISH_REASON_STOP,
  length: FinishReason.FINISH_REASON_LENGTH,
  cancelled: FinishReason.FINISH_REASON_CANCELLED,
  deadline: FinishReason.FINISH_REASON_DEADLINE,
};

/** Turns the scheduler's events of one answer into messages: text that ends between characters, stop texts cut. */
export class AnswerEvents {
  private readonly decoder;
  private readonly filter: StopFilter;
  private stage = 0;
  /** Of what has been turned into messages. */
  private falls: Readonly<Finished['expertFalls']> = NO_FALLS;
  /** Tokens of the answer so far. */
  private count: number;

  /**
   * `sampled`: tokens that another call has sent, with the text that they made complete; what they left open goes on
   * here. No piece reaches over the token `cutAt`. `deltaDigest`: of the delta that answers, empty for the base.
   */
  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly sampling: SamplingParams,
    sampled: readonly number[] = [],
    private readonly cutAt = 0,
    private readonly deltaDigest = '',
  ) {
    this.decoder = tokenizer.incremental();
    this.filter = new StopFilter(sampling.stop);
    this.count = sampled.length;
    for (const token of sampled) this.textOf(token);
  }

  /** Whether a stop text has been seen: nothing after it may be shown. */
  get stopped(): boolean {
    return this.filter.matched !== null;
  }

  /** Messages for a batch of events; tokens of one stage that came together share a piece. */
  *messages(events: readonly GenerationEvent[]): Generator<GenerateResponse> {
    let tokens: Token[] = [];
    for (const event of events) {
      if (tokens[0] && (event.type !== 'token' || event.stage !== tokens[0].stage)) {
        yield this.piece(tokens, '');
        tokens = [];
      }
      if (event.type === 'token') {
        tokens.push(event);
        this.count++;
        if (this.count !== this.cutAt) continue;
        yield this.piece(tokens, '');
        tokens = [];
      } else if (event.type === 'started') yield this.started(event);
      else yield* this.finished(event);
    }
    if (tokens[0]) yield this.piece(tokens, '');
  }

  private started({
    stage,
    promptTokens,
    cachedTokens,
    queueUs,
  }: Extract<GenerationEvent, { type: 'started' }>) {
    this.stage = stage;
    const value = {
      stage,
      promptTokens,
      cachedPromptTokens: cachedTokens,
      queueUs: BigInt(Math.round(queueUs)),
      seed: this.sampling.seed,
      deltaDigest: this.deltaDigest,
    };
    return { event: { $case: 'started' as const, value } };
  }

  private piece(tokens: readonly Token[], rest: string): GenerateResponse {
    let text = '';
    for (const { token } of tokens) text += this.textOf(token);
    this.stage = tokens[0]?.stage ?? this.stage;
    this.falls = tokens.at(-1)?.expertFalls ?? this.falls;
    const value: Piece = {
      text: text + rest,
      tokenIds: tokens.map(({ token }) => token),
      logprobs: this.sampling.logprobs < 0 ? [] : tokens.map((token) => this.logprob(token)),
      stage: this.stage,
      expertFalls: fallsOf(this.falls),
    };
    return { event: { $case: 'piece', value } };
  }

  /** Text that can be shown with this token. */
  private textOf(token: number): string {
    return this.shown(token) ? this.filter.push(this.decoder.push(token)) : '';
  }

  /** Control tokens and ids that only the model's matrix has stand for no text. */
  private shown(token: number): boolean {
    return token < this.tokenizer.vocabSize && !this.tokenizer.isControl(token);
  }

  private *finished(event: Finished): Generator<GenerateResponse> {
    const rest = this.filter.push(this.decoder.finish()) + this.filter.finish();
    if (rest !== '') yield this.piece([], rest);
    const { promptTokens, cachedTokens, completionTokens, draftTokens, acceptedDraftTokens } = event;
    const stop = this.filter.matched ?? this.sampling.stop[event.stopIndex] ?? '';
    const reason = this.stopped ? FinishReason.FINISH_REASON_STOP : REASONS[event.reason];
    const expertFalls = fallsOf(event.expertFalls);
    const usage = Usage.fromPartial({
      promptTokens,
      cachedPromptTokens: cachedTokens,
      completionTokens,
      draftTokens,
      acceptedDraftTokens,
    });
    yield { event: { $case: 'finished', value: { reason, usage, stop, expertFalls } } };
  }

  private logprob({ token, logprob, topTokens, topLogprobs }: Token): TokenLogprob {
    const one = (id: number, value: number, top: TokenLogprob[]): TokenLogprob => ({
      tokenId: id,
      token: Buffer.from(id < this.tokenizer.vocabSize ? this.tokenizer.tokenBytes(id) : []),
      logprob: value,
      top,
    });
    return one(
      token,
      logprob,
      Array.from(topTokens, (id, i) => one(id, topLogprobs[i] as number, [])),
    );
  }
}

/** Absent where there were none. */
function fallsOf({ standIn, without }: Readonly<Finished['expertFalls']>): ExpertFalls | undefined {
  return standIn + without === 0 ? undefined : { standIn: BigInt(standIn), without: BigInt(without) };
}
