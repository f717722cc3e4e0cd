import {
  type DeltaCapacity,
  DescribeResponse,
  descriptorSetPath,
  FinishReason,
  type GenerateRequest,
  GenerateResponse,
  ReplicaState,
  StageState,
  ThinkerServiceDefinition,
  type TokenizeRequest,
  type TokenizeResponse,
  type TokenLogprob,
  Upgrade,
  WatchResponse,
} from '@zen/contracts';
import { pause } from '@zen/pause';
import { type CallContext, Rpc, RpcError, RpcServer, type ServerTls } from '@zen/rpc';
import { Slots } from './slots';

export interface PacedStage {
  stage: number;
  decodeBaseUs: number;
  decodePerSequenceUs: number;
  prefillUsPerToken: number;
}

export interface PacedOptions {
  model: string;
  /** Lowest first. */
  stages: PacedStage[];
  minServableStage: number;
  /** Highest stage that is attached. */
  attachedTo: number;
  stageBytes: (stage: number) => number;
  maxRunning: number;
  maxWaiting: number;
  maxPromptBytes: number;
  contextTokens: number;
  /** 0: says nothing. */
  vocabSize: number;
  /** Share of a stage's JSON answers that parse; undefined: nobody measured it. */
  jsonValid: (stage: number) => number | undefined;
  /** Milliseconds between pieces, whatever the costs say; null paces by the costs. */
  pieceMs: number | null;
  /** Share of a prompt that it has computed before, 0 to 1. */
  cachedShare: (request: GenerateRequest) => number;
  /** Text of each piece. */
  piece: (index: number) => string;
  /** All pieces of an answer that ends its turn with the last; undefined: `piece` up to the request's limit. */
  says: (request: GenerateRequest) => readonly string[] | undefined;
  /** Called before each piece; a throw fails the answer, a promise holds it back. */
  before: (index: number, request: GenerateRequest, context: CallContext) => Promise<void> | void;
  /** What a delta has to name as its base. */
  baseDigest: string;
  /** Its places for deltas; undefined: it takes none. */
  deltas: Partial<DeltaCapacity> | undefined;
  /** The delta that it says answers. */
  answersWith: (request: GenerateRequest) => string;
  /** Pairs that fell to a stand-in with each piece. */
  standIns: number;
  /** Ids of what is to be tokenized; undefined: it has no tokenizer. */
  tokenize: ((request: TokenizeRequest) => number[]) | undefined;
  tls: ServerTls | undefined;
}

const DEFAULTS: PacedOptions = {
  model: 'paced',
  stages: [{ stage: 0, decodeBaseUs: 1000, decodePerSequenceUs: 0, prefillUsPerToken: 0 }],
  minServableStage: 0,
  attachedTo: 4,
  stageBytes: (stage) => 1000 * (stage + 1),
  maxRunning: 1024,
  maxWaiting: 1024,
  maxPromptBytes: 2 ** 20,
  contextTokens: 8192,
  vocabSize: 0,
  jsonValid: () => undefined,
  pieceMs: null,
  cachedShare: () => 0,
  piece: (index) => `w${index} `,
  says: () => undefined,
  before: () => {},
  baseDigest: '',
  deltas: undefined,
  answersWith: ({ delta }) => delta?.digest ?? '',
  standIns: 0,
  tokenize: undefined,
  tls: undefined,
};

/** Pieces of an answer whose request sets no limit. */
const DEFAULT_PIECES = 16;

/**
 * A thinker without a model, over real gRPC: answers at the pace that its stated costs give, reports its load, and
 * keeps slots and a queue as the real one does. Words are counted as tokens.
 */
export class PacedThinker {
  readonly options: PacedOptions;
  /** Requests in order of arrival. */
  readonly requests: GenerateRequest[] = [];
  /** Answers that a client left before their end. */
  cancelled = 0;
  /** Pieces handed to the wire so far. */
  pieces = 0;
  /** Trace contexts that came along. */
  readonly traceparents: string[] = [];
  private readonly slots: Slots;
  private prefillTokensWaiting = 0;
  private readonly watchers = new Set<() => void>();
  private server: RpcServer | undefined;
  private listening = false;
  private arriving = { share: 0, bytesPerSecond: 0 };

  constructor(options: Partial<PacedOptions> = {}) {
    this.options = { ...DEFAULTS, ...options };
    this.slots = new Slots(this.options.maxRunning, this.options.maxWaiting);
  }

  /** Listens on 127.0.0.1, on a free port unless one is given, if it does not yet; returns `host:port`. */
  async start(port = 0): Promise<string> {
    // Two gateways may stand before one thinker.
    if (this.server && this.listening) return this.server.address;
    this.server = await RpcServer.start([this], {
      listen: `127.0.0.1:${port}`,
      maxMessageBytes: 64 * 2 ** 20,
      maxConcurrentStreams: 10_000,
      translate: () => undefined,
      onError: (error, method) => process.stderr.write(`paced thinker: ${method}: ${error}\n`),
      descriptorSetPath,
      tls: this.options.tls,
    });
    this.server.setServing(true);
    this.listening = true;
    return this.server.address;
  }

  /** Cuts every connection at once, as a crash would. */
  async stop(): Promise<void> {
    this.listening = false;
    this.server?.cut();
  }

  /** `host:port` where it listens or last did. */
  get address(): string {
    return this.server?.address ?? '';
  }

  /** Attaches every stage up to this one, with a share (0 to 1) of the next one's bytes here, and reports it. */
  climb(attachedTo: number, shareOfNext = 0, bytesPerSecond = 0): void {
    this.options.attachedTo = attachedTo;
    this.arriving = { share: shareOfNext, bytesPerSecond };
    this.changed();
  }

  get active(): number {
    return this.slots.running + this.slots.waiting;
  }

  @Rpc(ThinkerServiceDefinition, 'generate')
  async *generate(request: GenerateRequest, context: CallContext): AsyncGenerator<GenerateResponse> {
    this.requests.push(request);
    if (context.metadata.traceparent) this.traceparents.push(context.metadata.traceparent);
    const stage = request.stage ?? this.highest();
    const promptTokens = wordsOf(request);
    this.prefillTokensWaiting += promptTokens;
    let computed = false;
    const compute = () => {
      if (!computed) this.prefillTokensWaiting -= promptTokens;
      computed = true;
    };
    const release = await this.slots.take(context.signal).catch((error: unknown) => {
      compute();
      throw error;
    });
    this.changed();
    let finished = false;
    try {
      const cost = this.options.stages.find((one) => one.stage === stage);
      if (!cost) throw new RpcError('FAILED_PRECONDITION', `stage: ${stage} is not attached`);
      const cachedPromptTokens = Math.floor(promptTokens * this.options.cachedShare(request));
      const prefillMs = ((promptTokens - cachedPromptTokens) * cost.prefillUsPerToken) / 1000;
      if (prefillMs > 0) await pause(prefillMs, context.signal);
      compute();
      const seed = request.sampling?.seed ?? 7n;
      const deltaDigest = this.options.answersWith(request);
      yield event({ started: { stage, promptTokens, cachedPromptTokens, seed, deltaDigest } });
      const script = this.options.says(request);
      const most = request.maxTokens || (script?.length ?? DEFAULT_PIECES);
      const count = request.prefillOnly ? 0 : Math.min(most, script?.length ?? most);
      const { standIns } = this.options;
      const fallsOf = (pieces: number) =>
        standIns === 0 ? undefined : { standIn: BigInt(pieces * standIns), without: 0n };
      for (let index = request.resumeTokenIds.length; index < count; index++) {
        await this.options.before(index, request, context);
        const pieceMs = this.options.pieceMs ?? this.stepMs(cost);
        if (pieceMs > 0) await pause(pieceMs, context.signal);
        if (context.signal.aborted) return;
        this.pieces++;
        const text = script ? (script[index] as string) : this.options.piece(index);
        const tokenIds = [index];
        const climbs = request.stage === undefined && request.upgrade !== Upgrade.UPGRADE_NEVER;
        yield event({
          piece: {
            text,
            tokenIds,
            stage: climbs ? this.highest() : stage,
            logprobs: logprobsOf(request, text, index),
            expertFalls: fallsOf(index + 1 - request.resumeTokenIds.length),
          },
        });
      }
      const usage = { promptTokens, cachedPromptTokens, completionTokens: count };
      finished = true;
      const expertFalls = fallsOf(Math.max(0, count - request.resumeTokenIds.length));
      const { FINISH_REASON_STOP, FINISH_REASON_LENGTH } = FinishReason;
      const reason = script && count === script.length ? FINISH_REASON_STOP : FINISH_REASON_LENGTH;
      yield event({ finished: { reason, usage, stop: '', expertFalls } });
    } finally {
      if (!finished) this.cancelled++;
      compute();
      release();
      this.changed();
    }
  }

  @Rpc(ThinkerServiceDefinition, 'describe')
  async describe(): Promise<DescribeResponse> {
    const {
      model,
      minServableStage,
      maxRunning,
      maxWaiting,
      maxPromptBytes,
      contextTokens,
      vocabSize,
      baseDigest,
    } = this.options;
    const limits = { contextTokens, maxRunning, maxWaiting, maxPromptBytes };
    return DescribeResponse.fromPartial({
      model,
      minServableStage,
      limits,
      vocabSize,
      baseDigest,
      ...this.report(),
    });
  }

  @Rpc(ThinkerServiceDefinition, 'watch')
  async *watch(request: { intervalMs: number }, { signal }: CallContext): AsyncGenerator<WatchResponse> {
    signal.addEventListener('abort', () => this.changed(), { once: true });
    while (!signal.aborted) {
      yield WatchResponse.fromPartial(this.report());
      const change = new Promise<void>((resolve) => this.watchers.add(resolve));
      await Promise.all([change, pause(request.intervalMs || 250, signal)]);
    }
  }

  @Rpc(ThinkerServiceDefinition, 'tokenize')
  async tokenize(request: TokenizeRequest): Promise<TokenizeResponse> {
    const { tokenize } = this.options;
    if (!tokenize) throw new RpcError('UNIMPLEMENTED', 'a paced thinker has no tokenizer');
    return { tokenIds: tokenize(request) };
  }

  @Rpc(ThinkerServiceDefinition, 'detokenize')
  async detokenize(): Promise<never> {
    throw new RpcError('UNIMPLEMENTED', 'a paced thinker has no tokenizer');
  }

  private report() {
    const { running, waiting } = this.slots;
    const { stages: costs, attachedTo, minServableStage, stageBytes } = this.options;
    const stages = costs.map(({ stage }) => {
      const bytes = stageBytes(stage);
      const attached = stage <= attachedTo;
      const share = attached ? 1 : stage === attachedTo + 1 ? this.arriving.share : 0;
      const { STAGE_STATE_SERVING, STAGE_STATE_FETCHING, STAGE_STATE_ABSENT } = StageState;
      return {
        stage,
        bytes: BigInt(bytes),
        bytesPresent: BigInt(Math.round(bytes * share)),
        state: attached ? STAGE_STATE_SERVING : share > 0 ? STAGE_STATE_FETCHING : STAGE_STATE_ABSENT,
        servable: stage >= minServableStage,
        attached,
        quality: {
          top1: 0.6 + stage / 10,
          klMean: 0.4 - stage / 10,
          perplexityRatio: 1.4 - stage / 10,
          jsonValid: this.options.jsonValid(stage),
        },
      };
    });
    const complete = stages.every(({ attached }) => attached);
    const progress = {
      state: complete ? ReplicaState.REPLICA_STATE_COMPLETE : ReplicaState.REPLICA_STATE_SERVING,
      bytesPresent: stages.reduce((sum, { bytesPresent }) => sum + bytesPresent, 0n),
      bytesTotal: stages.reduce((sum, { bytes }) => sum + bytes, 0n),
      bytesPerSecond: BigInt(this.arriving.bytesPerSecond),
    };
    const prefillTokensWaiting = BigInt(this.prefillTokensWaiting);
    const { deltas } = this.options;
    return { load: { running, waiting, prefillTokensWaiting, costs }, stages, progress, deltas };
  }

  private highest(): number {
    const { stages, attachedTo } = this.options;
    return Math.max(...stages.map(({ stage }) => stage).filter((stage) => stage <= attachedTo));
  }

  private stepMs({ decodeBaseUs, decodePerSequenceUs }: PacedStage): number {
    return (decodeBaseUs + decodePerSequenceUs * this.slots.running) / 1000;
  }

  private changed(): void {
    for (const resolve of this.watchers) resolve();
    this.watchers.clear();
  }
}

function event({ started, piece, finished }: Record<string, object>): GenerateResponse {
  if (started) return GenerateResponse.fromPartial({ event: { $case: 'started', value: started } });
  if (piece) return GenerateResponse.fromPartial({ event: { $case: 'piece', value: piece } });
  return GenerateResponse.fromPartial({ event: { $case: 'finished', value: finished ?? {} } });
}

function wordsOf({ prompt }: GenerateRequest): number {
  if (prompt?.$case === 'tokens') return prompt.value.tokenIds.length;
  const text =
    prompt?.$case === 'chat' ? prompt.value.messages.map(({ content }) => content).join(' ') : prompt?.value;
  return typeof text === 'string' ? text.split(/\s+/).length : 0;
}

/** The piece itself as the likeliest token, the others one nat apart. */
function logprobsOf({ sampling }: GenerateRequest, text: string, tokenId: number): TokenLogprob[] {
  if (sampling?.logprobs === undefined) return [];
  const token = Buffer.from(text);
  const top = [...Array(sampling.logprobs).keys()].map((i) => {
    return { tokenId: i, token: i === 0 ? token : Buffer.from(`t${i}`), logprob: -0.1 - i, top: [] };
  });
  return [{ tokenId, token, logprob: -0.1, top }];
}
