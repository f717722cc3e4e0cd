import { FinishReason, type VoiceModel } from '@zen/contracts';
import type { Voicing, Wish } from '@zen/realtime';
import type { Answer, AnswerEnd, AnswerPiece } from '../../answer/answer';
import { readDeltaAsks } from '../../deltas/delta-wish';
import type { AnswerSpec, Visit } from '../../door/visit';
import { GatewayError } from '../../gateway-error';
import { httpError } from '../../openai/error-body';
import { promptTokens } from '../../speech/prompt-tokens';
import { askOf } from './ask';
import { gatewayFailure, realtimeFailure } from './failure';
import { keepsFullVoice } from './full-voice';
import type { Caller, PipelineParts, Teller } from './pipeline-parts';
import { rateLimits } from './rate-limits';
import { Utterance } from './utterance';

/** One answer of a session on its way: text from a thinker, and the speech that a talker makes of it meanwhile. */
export class Answering {
  private readonly over = new AbortController();
  private visit: Visit | null = null;

  constructor(
    private readonly parts: PipelineParts,
    private readonly caller: Caller,
    private readonly wish: Extract<Wish, { t: 'answer' }>,
    private readonly tell: Teller,
  ) {}

  /** Ends everything that was begun for it: the talker's call, the thinker's, its place in the batch. */
  cancel(): void {
    this.over.abort();
    this.leave(200, false);
  }

  /** Resolves when it is over, however. */
  async run(): Promise<void> {
    const { responseId } = this.wish;
    try {
      await this.answer();
      this.leave(200, true);
    } catch (thrown) {
      if (this.over.signal.aborted) return;
      const known = gatewayFailure(thrown);
      this.visit?.failed(known);
      this.over.abort();
      this.leave(httpError(known).status, true);
      await this.tell({ t: 'failed', responseId, failure: realtimeFailure(known) });
    }
  }

  private async answer(): Promise<void> {
    const { caller, parts, wish, tell } = this;
    const { responseId, voicing } = wish;
    const visit = caller.enter();
    this.visit = visit;
    // What no talker would say is refused before anything is computed.
    const voice = voicing && parts.talkers.voice(voicing.voice);
    const asks = { model: caller.model, header: caller.headers['x-zen-delta'], user: undefined };
    const isModel = (name: string) => parts.fleet.isModel(name);
    const { model, delta: deltaWish } = readDeltaAsks(asks, visit.tenant.userDelta, isModel);
    const spec = { ...askOf(wish.question, caller.headers), model, deltaWish };
    const rates = await visit.admit(model, parts.fleet.trafficTo(model).estimate(spec.prompt));
    let begin: (answer: Answer) => void = () => {};
    const begun = new Promise<Answer>((resolve) => {
      begin = resolve;
    });
    // A talker is called with the question, so that the answer's first words wait for nothing.
    const utterance = voicing && voice ? this.speakWith(voice, voicing, spec, visit, begun) : null;
    const [answer] = await visit.answers([spec]);
    if (!answer) throw new GatewayError('internal', 'no answer was begun');
    const { stage, reason } = answer;
    await tell({ t: 'answering', responseId, model: answer.model, stage, stageReason: reason });
    begin(answer);
    await this.write(answer, utterance);
    await utterance?.spoken;
    await tell({ t: 'limits', limits: rateLimits(rates) });
  }

  private speakWith(
    { name, takesTokenIds }: VoiceModel,
    voicing: Voicing,
    spec: AnswerSpec,
    visit: Visit,
    begun: Promise<Answer>,
  ): Utterance {
    const { talkers, desk, fleet, logger } = this.parts;
    const load = talkers.load(name);
    const spoken = {
      voice: name,
      speed: voicing.speed,
      priority: spec.priority,
      // How far the answer was lowered decides the voice's quality; one that reads tokens has a single one.
      full: takesTokenIds || begun.then(({ reason }) => keepsFullVoice(reason, load, spec.wish.full)),
      prompt: takesTokenIds ? promptTokens(fleet, spec, begun, this.over.signal) : undefined,
    };
    return new Utterance(
      {
        requestId: visit.requestId,
        responseId: this.wish.responseId,
        voicing,
        takesTokens: takesTokenIds,
        logger,
      },
      (signal) => desk.open(spoken, visit, signal),
      this.over.signal,
      this.tell,
    );
  }

  private async write(answer: Answer, utterance: Utterance | null): Promise<void> {
    const events = answer.events[Symbol.asyncIterator]();
    // An answer that cannot be spoken any more fails at once, not with its last word.
    const unspoken = utterance?.spoken.then(() => new Promise<never>(() => {}));
    unspoken?.catch(() => {});
    try {
      for (;;) {
        const next = unspoken ? await Promise.race([events.next(), unspoken]) : await events.next();
        if (next.done) throw new GatewayError('internal', 'the answer has no end');
        if (next.value.kind === 'piece') await this.piece(next.value, utterance);
        else {
          await this.end(next.value);
          // The talker ends only after it: its last audio ends the response.
          utterance?.end();
          return;
        }
      }
    } finally {
      // After its last event too: only then is its place at the replica free.
      await events.return?.();
    }
  }

  private async piece(piece: AnswerPiece, utterance: Utterance | null): Promise<void> {
    const { responseId } = this.wish;
    const { text, stage, calls = [] } = piece;
    utterance?.push(piece);
    await this.tell({ t: 'text', responseId, text, stage });
    for (const { id, name, arguments: all } of calls) {
      await this.tell({ t: 'call', responseId, callId: id, name, arguments: all, last: true });
    }
  }

  private end({ usage, reason: why }: AnswerEnd): Promise<void> {
    const { responseId } = this.wish;
    const { promptTokens, cachedPromptTokens, completionTokens } = usage;
    const reason = why === FinishReason.FINISH_REASON_STOP ? 'stop' : 'length';
    const counted = { promptTokens, cachedPromptTokens, completionTokens };
    return this.tell({ t: 'text-ended', responseId, reason, usage: counted });
  }

  private leave(status: number, complete: boolean): void {
    const { visit } = this;
    this.visit = null;
    if (visit) this.parts.gate.leave(visit, status, complete);
  }
}
