import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SimulatedBackend, type SimulatedModel } from '@zen/batching';
import { readConfig } from '@zen/config';
import { type GenerateResponse, ThinkerServiceDefinition } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { Tokenizer } from '@zen/tokenizer';
import { settings } from './config';
import type { StageBackend } from './serving/engine-backend';
import type { OpenedModel, OpenModel } from './serving/replica';
import type { ServedModel } from './serving/served-model';
import { startThinker, type Thinker } from './thinker';

const FIXTURES = join(__dirname, '..', '..', '..', 'packages', 'tokenizer', 'fixtures');

const CHAT_TEMPLATE = `{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

/** A real tokenizer of 514 ids; <|im_end|> (2) ends an answer. */
export function smallTokenizer(): Tokenizer {
  const { tokenizerJson } = JSON.parse(readFileSync(join(FIXTURES, 'small-smollm.json'), 'utf8'));
  return Tokenizer.from({
    tokenizerJson,
    chatTemplate: CHAT_TEMPLATE,
    bosId: 1,
    eosId: 2,
    endIds: [2],
    addBos: false,
  });
}

export const END_ID = 2;

export interface SimulatedOptions {
  env?: Record<string, string>;
  model?: Partial<SimulatedModel>;
  contextTokens?: number;
  minServable?: number;
  /** Holds stage `stage` back until it resolves. */
  attach?(stage: number): Promise<void>;
  /** Where the stages come from; default: all are there. */
  source?: OpenedModel['source'];
  open?: OpenModel;
}

export interface SimulatedThinker {
  thinker: Thinker;
  client: RpcClient<typeof ThinkerServiceDefinition>;
  backend: SimulatedBackend;
  tokenizer: Tokenizer;
  logs: string[];
  stop(): Promise<void>;
}

/** A ladder that is there, whose files nobody looks into. */
function completeSource(stages: readonly { stage: number; bytes: number }[]): OpenedModel['source'] {
  const digest = `sha256:${'0'.repeat(64)}`;
  const layers = stages.map(({ stage, bytes }) => ({ stage, digest, bytes, chunks: [] }));
  return {
    manifest: { digest, config: { digest, bytes: 1 }, layers },
    progress: () => ({
      stages: stages.map((stage) => ({ ...stage, bytesPresent: stage.bytes, state: 'complete' as const })),
      bytesPerSecond: 0,
      requestsInFlight: 0,
      bytesReceived: 0,
      bytesKept: 0,
      waitingForOther: false,
      trouble: null,
    }),
    run: async () => undefined,
    stage: async () => '/dev/null',
    wanted: () => [],
    repair: async () => '/dev/null',
    close: async () => undefined,
  };
}

/** A thinker with everything real but the arithmetic. */
export async function simulatedThinker(options: SimulatedOptions = {}): Promise<SimulatedThinker> {
  const tokenizer = smallTokenizer();
  const contextTokens = options.contextTokens ?? 512;
  const backend = new SimulatedBackend({
    vocabSize: 514,
    blocksTotal: 4000,
    blockTokens: 16,
    hiddenSize: 4,
    bytesOf: (token) => tokenizer.tokenBytes(token),
    pace: () => new Promise((resolve) => setTimeout(resolve, 1)),
    ...options.model,
  });
  const staged: StageBackend = Object.assign(backend, {
    deltas: null,
    experts: null,
    attachStage: options.attach ?? (async () => undefined),
    detachStage: (stage: number) => backend.purge(stage),
    close: () => undefined,
  });
  const stages = [0, 1, 2, 3, 4].map((stage) => ({
    stage,
    bytes: 1000 + stage,
    bitsPerLinearWeight: 2 + stage,
    quality: null,
  }));
  const model: ServedModel = {
    name: 'simulated',
    architecture: 'llama',
    contextTokens,
    hiddenSize: 4,
    vocabSize: 514,
    minServable: options.minServable ?? 1,
    stages,
    tokenizer,
    artifactDigest: `sha256:${'0'.repeat(64)}`,
    baseDigest: `sha256:${'1'.repeat(64)}`,
    shape: { layers: 1, hidden: 4, ffn: 4, heads: 1, kvHeads: 1, headSize: 4 },
    kernels: 'scalar',
  };
  const env = {
    ZEN_LADDER: 'none',
    ZEN_LISTEN: '127.0.0.1:0',
    ZEN_PROBE_LISTEN: '127.0.0.1:0',
    ZEN_GRACE: '5s',
    ...options.env,
  };
  const logs: string[] = [];
  const logger = createLogger('thinker', 'info', { write: (line) => void logs.push(line) });
  const source = options.source ?? completeSource(stages);
  const open = options.open ?? (async () => ({ model, backend: staged, source }));
  const thinker = await startThinker(readConfig(settings, env), open, logger);
  const connection = client(ThinkerServiceDefinition, thinker.address);
  const stop = async () => {
    connection.close();
    await thinker.stop();
  };
  return { thinker, client: connection, backend, tokenizer, logs, stop };
}

/** A backend's `next` that writes this text, then ends the turn. */
export function says(text: string): NonNullable<SimulatedModel['next']> {
  const ids = smallTokenizer().encode(text);
  return (_, __, sampledCount) => ids[sampledCount] ?? END_ID;
}

export interface Answer {
  text: string;
  pieces: string[];
  tokenIds: number[];
  stages: number[];
  started: Extract<GenerateResponse['event'], { $case: 'started' }>['value'] | undefined;
  finished: Extract<GenerateResponse['event'], { $case: 'finished' }>['value'] | undefined;
}

/** Everything that one answer sent. */
export async function collect(stream: AsyncIterable<GenerateResponse>): Promise<Answer> {
  const answer: Answer = {
    text: '',
    pieces: [],
    tokenIds: [],
    stages: [],
    started: undefined,
    finished: undefined,
  };
  for await (const { event } of stream) {
    if (event?.$case === 'started') answer.started = event.value;
    else if (event?.$case === 'finished') answer.finished = event.value;
    else if (event?.$case === 'piece') {
      answer.text += event.value.text;
      answer.pieces.push(event.value.text);
      answer.tokenIds.push(...event.value.tokenIds);
      answer.stages.push(event.value.stage);
    }
  }
  return answer;
}
