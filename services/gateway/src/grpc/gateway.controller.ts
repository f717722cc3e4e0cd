import {
  type ChatRequest,
  type ChatResponse,
  type CompleteRequest,
  type CompleteResponse,
  type ExpertFalls,
  GatewayServiceDefinition,
  type ListModelsRequest,
  type ListModelsResponse,
  Sampling,
} from '@zen/contracts';
import { type CallContext, Rpc } from '@zen/rpc';
import type { Answer } from '../answer/answer';
import { type DeltaAsks, readDeltaAsks } from '../deltas/delta-wish';
import type { Gate } from '../door/gate';
import { wishFromMessage } from '../door/quality-wish';
import { stageHeaders } from '../door/stage-headers';
import type { AnswerSpec, Headers, Visit } from '../door/visit';
import { describeAsleep, describeModel } from '../fleet/describe-model';
import type { Fleet } from '../fleet/fleet';
import { GatewayError, isPassing } from '../gateway-error';
import { offerTools, withTools } from '../tools/tool-use';
import { asksOf } from './tool-asks';

const MOST_USER = 256;

/** One call's answer, except for what the fleet and the key say about its model and delta. */
type CheckedCall = Omit<AnswerSpec, 'model' | 'deltaWish'> & { asks: DeltaAsks };

type Event = NonNullable<ChatResponse['event']>;

/** The gRPC door: the same visits, limits and answers as over HTTP. */
export class GatewayController {
  constructor(
    private readonly gate: Gate,
    private readonly fleet: Fleet,
    private readonly maxMessages: number,
  ) {}

  @Rpc(GatewayServiceDefinition, 'chat')
  async *chat(request: ChatRequest, context: CallContext): AsyncGenerator<ChatResponse> {
    const { length } = request.messages;
    const make = (): CheckedCall => {
      if (length === 0 || length > this.maxMessages) {
        const message = `messages: ${length} messages, 1 to ${this.maxMessages} are allowed`;
        throw new GatewayError('invalid_request', message, { param: 'messages' });
      }
      return chatSpec(request, context.metadata);
    };
    for await (const event of this.answer('Chat', make, context)) yield { event };
  }

  @Rpc(GatewayServiceDefinition, 'complete')
  async *complete(request: CompleteRequest, context: CallContext): AsyncGenerator<CompleteResponse> {
    const make = () => specOf(request, { $case: 'text', value: request.prompt }, context.metadata);
    // A plain text has no tools.
    for await (const event of this.answer('Complete', make, context))
      if (event.$case !== 'toolCall') yield { event };
  }

  @Rpc(GatewayServiceDefinition, 'listModels')
  async listModels(_: ListModelsRequest, context: CallContext): Promise<ListModelsResponse> {
    const visit = this.gate.enter('ListModels', context.metadata);
    this.gate.leave(visit, 200, true);
    const asleep = this.fleet.asleep().map(describeAsleep);
    return { models: [...this.fleet.models().map(describeModel), ...asleep] };
  }

  private async *answer(route: string, make: () => CheckedCall, context: CallContext): AsyncGenerator<Event> {
    const visit = this.gate.enter(route, context.metadata);
    context.setTrailer('x-request-id', visit.requestId);
    // Aborted when the client is gone; the visit frees everything at once, in whatever await this is.
    const gone = () => this.gate.leave(visit, 499, false);
    context.signal.addEventListener('abort', gone, { once: true });
    let status = 500;
    try {
      yield* this.events(make(), visit, context);
      status = 200;
    } catch (error) {
      visit.failed(GatewayError.from(error));
      throw error;
    } finally {
      context.signal.removeEventListener('abort', gone);
      this.gate.leave(visit, status, true);
    }
  }

  private async *events(
    { asks, ...given }: CheckedCall,
    visit: Visit,
    context: CallContext,
  ): AsyncGenerator<Event> {
    const { userDelta } = visit.tenant;
    const { model: named, delta } = readDeltaAsks(asks, userDelta, (name) => this.fleet.isModel(name));
    const spec: AnswerSpec = { ...given, model: named, deltaWish: delta };
    const traffic = this.fleet.trafficTo(spec.model);
    const rates = await visit.admit(spec.model, traffic.estimate(spec.prompt));
    const [answer] = (await visit.answers([spec])) as [Answer];
    const { resume } = answer;
    const { model, stage, reason: stageReason, quality, seed, deltaDigest } = answer;
    const said = { ...stageHeaders(answer), ...rates };
    context.sendHeaders({ ...said, 'x-request-id': visit.requestId });
    for (const [name, value] of Object.entries(said)) context.setTrailer(name, value);
    const id = visit.requestId;
    yield { $case: 'started', value: { id, model, stage, stageReason, quality, seed, deltaDigest } };
    try {
      for await (const event of answer.events) {
        if (event.kind === 'piece') {
          const { text, logprobs, stage, calls = [] } = event;
          // Before the piece: its token says that the caller has them.
          for (const { id, name, arguments: text } of calls)
            yield { $case: 'toolCall', value: { id, name, arguments: text } };
          yield { $case: 'piece', value: { text, logprobs, stage, resumeToken: resume.position() ?? '' } };
        } else {
          const { reason, usage, stop, expertFalls } = event;
          if (expertFalls) context.setTrailer('x-zen-expert-falls', fallsText(expertFalls));
          yield { $case: 'finished', value: { reason, usage, stop, expertFalls } };
        }
      }
    } catch (error) {
      const token = isPassing(GatewayError.from(error).failure) ? resume.handover() : undefined;
      if (token !== undefined) context.setTrailer('x-zen-resume-token', token);
      throw error;
    }
  }
}

function chatSpec(request: ChatRequest, headers: Headers): CheckedCall {
  const { prompt, use: toolUse } = offerTools(asksOf(request));
  const spec = specOf(request, { $case: 'chat', value: prompt }, headers);
  if (!toolUse) return spec;
  if (spec.sampling.logprobs !== undefined) {
    const message =
      'sampling.logprobs: not supported together with tools, whose calls are taken out of the text';
    throw new GatewayError('unsupported', message, { param: 'sampling.logprobs' });
  }
  return withTools(spec, toolUse);
}

const fallsText = ({ standIn, without }: ExpertFalls) => `stand-in=${standIn};without=${without}`;

function specOf(
  request: ChatRequest | CompleteRequest,
  prompt: AnswerSpec['prompt'],
  headers: Headers,
): CheckedCall {
  const { model, delta, user } = request;
  if (user.length > MOST_USER) {
    const message = `user: ${user.length} characters, at most ${MOST_USER}`;
    throw new GatewayError('invalid_request', message, { param: 'user' });
  }
  return {
    asks: { model, header: headers['x-zen-delta'], message: delta, user },
    prompt,
    sampling: request.sampling ?? Sampling.fromPartial({}),
    maxTokens: request.maxTokens,
    wish: wishFromMessage(request, headers),
    priority: request.priority,
    resume: request.resumeToken === '' ? undefined : { token: request.resumeToken, field: 'resume_token' },
  };
}
