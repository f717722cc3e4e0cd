import type { TokenLogprob } from '@zen/contracts';
import type { FastifyReply } from 'fastify';
import type { Answer, AnswerCall, AnswerEnd } from '../answer/answer';
import { readDeltaAsks } from '../deltas/delta-wish';
import { stageHeaders } from '../door/stage-headers';
import type { Visit } from '../door/visit';
import type { Fleet } from '../fleet/fleet';
import { GatewayError, isPassing } from '../gateway-error';
import type { AnswerHead, ChunkWriter, FinishedChoice } from '../openai/answer-format';
import { errorBody } from '../openai/error-body';
import { usageOf } from '../openai/usage';
import type { ResumeOffer } from '../resume/resume-tokens';
import type { ChatSpeech, SpokenAnswer } from '../speech/chat-speech';
import type { CompletionRequest } from './completion-request';
import { collectSpoken, streamSpoken } from './spoken-choice';
import { SseWriter } from './sse-writer';

/** Answers a checked request, whole or as a stream. What is thrown has not been answered yet. */
export class CompletionHandler {
  constructor(
    private readonly fleet: Fleet,
    /** Milliseconds after which a reader that takes nothing is cut off. */
    private readonly stallMs: number,
    private readonly speech: ChatSpeech,
  ) {}

  async handle(request: CompletionRequest, visit: Visit, reply: FastifyReply): Promise<void> {
    if (request.voicing) this.speech.check(request.voicing);
    const { userDelta } = visit.tenant;
    const { model, delta: deltaWish } = readDeltaAsks(request.asks, userDelta, (name) =>
      this.fleet.isModel(name),
    );
    const traffic = this.fleet.trafficTo(model);
    const tokens = request.answers.reduce((sum, { prompt }) => sum + traffic.estimate(prompt), 0);
    const rates = await visit.admit(model, tokens);
    reply.headers(rates);
    const answers = await visit.answers(request.answers.map((spec) => ({ ...spec, model, deltaWish })));
    const { voicing } = request;
    const [asked] = request.answers;
    const spoken = voicing && asked && (await this.speech.open(voicing, { ...asked, model }, visit));
    try {
      await this.answer(request, answers, spoken, rates, visit, reply);
    } finally {
      spoken?.cancel();
    }
  }

  private async answer(
    request: CompletionRequest,
    answers: Answer[],
    spoken: SpokenAnswer | undefined,
    rates: Record<string, string>,
    visit: Visit,
    reply: FastifyReply,
  ): Promise<void> {
    const first = answers[0] as Answer;
    const headers = {
      ...rates,
      ...stageHeaders(first),
      ...spoken?.headers,
      'x-request-id': visit.requestId,
    };
    const created = Math.floor(Date.now() / 1000);
    const head = { id: `${request.idPrefix}-${visit.requestId}`, model: first.model, created };
    if (request.stream) {
      reply.hijack();
      const writer = new SseWriter(reply.raw, this.stallMs);
      // Headers set on the reply before (such as those of CORS) do not survive the hijack by themselves.
      writer.open({ ...(reply.getHeaders() as Record<string, string>), ...headers });
      await stream(request, head, answers, spoken, writer, visit);
    } else {
      const choices = spoken
        ? [await collectSpoken(first, spoken, created)]
        : await Promise.all(answers.map((answer) => collect(answer, request.logprobs)));
      const ends = choices.map(({ end }) => end);
      const usage = usageOf(ends, request.choicesPerPrompt);
      await reply.headers(headers).send(request.format.whole(head, choices, usage));
    }
  }
}

async function stream(
  request: CompletionRequest,
  head: AnswerHead,
  answers: Answer[],
  spoken: SpokenAnswer | undefined,
  writer: SseWriter,
  visit: Visit,
): Promise<void> {
  const { logprobs, includeUsage: usage } = request;
  // One id stands for a whole stream, so it says how to go on with one answer.
  const offer = answers.length === 1 && !spoken ? answers[0]?.resume : undefined;
  const chunks = request.format.chunks(head, { logprobs, usage });
  try {
    const ends = await Promise.all(
      answers.map((answer, index) =>
        spoken
          ? streamSpoken(answer, spoken, head, chunks, writer)
          : streamChoice(answer, index, chunks, logprobs, offer, writer),
      ),
    );
    if (usage) writer.send(chunks.usage(usageOf(ends, request.choicesPerPrompt)));
    writer.end('[DONE]');
  } catch (error) {
    // The status has been sent: the error travels as an event, and the missing [DONE] says that this is no end.
    const known = GatewayError.from(error);
    visit.failed(known);
    writer.end(JSON.stringify(errorBody(known)), isPassing(known.failure) ? offer?.handover() : undefined);
  }
}

async function streamChoice(
  answer: Answer,
  index: number,
  chunks: ChunkWriter,
  logprobs: boolean,
  offer: ResumeOffer | undefined,
  writer: SseWriter,
): Promise<AnswerEnd> {
  // A reader that goes on has had the opening.
  let opened = answer.reason === 'resumed';
  const opening = (silent: boolean) => {
    const chunk = opened ? null : chunks.opening(index, silent);
    opened = true;
    return chunk === null ? [] : [chunk];
  };
  let offset = answer.textUnits;
  for await (const event of answer.events) {
    if (event.kind === 'end') {
      writer.send(...opening(false), chunks.finish(index, event));
      return event;
    }
    const { text, calls = [] } = event;
    const says = text !== '' || (logprobs && event.logprobs.length > 0);
    if (!says && calls.length === 0) continue;
    const events = opening(!says);
    if (says) events.push(chunks.piece(index, event, offset));
    for (const call of calls) events.push(...chunks.call(index, call));
    offset += text.length;
    const behind = writer.sendUpTo(offer?.position(), ...events);
    if (behind) await behind;
  }
  throw new GatewayError('internal', 'the answer has no end');
}

async function collect(answer: Answer, wantsLogprobs: boolean): Promise<FinishedChoice> {
  const logprobs: TokenLogprob[] = [];
  const calls: AnswerCall[] = [];
  let text = '';
  for await (const event of answer.events) {
    if (event.kind === 'end') return { text, calls, logprobs: wantsLogprobs ? logprobs : null, end: event };
    text += event.text;
    calls.push(...(event.calls ?? []));
    if (wantsLogprobs) logprobs.push(...event.logprobs);
  }
  throw new GatewayError('internal', 'the answer has no end');
}
