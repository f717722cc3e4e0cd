import {
  type BatchRequest,
  DEFAULT_LIMITS,
  type Generation,
  Scheduler,
  type SequenceIdentity,
  type StepBackend,
} from '@zen/batching';
import { cacheScope } from '@zen/deltas';
import { GREEDY } from '@zen/engine';
import { ScopeWitness } from './scope-witness';

export interface SharedBackend {
  backend: StepBackend;
  /** Handles of two deltas that are loaded. */
  deltas: readonly [number, number];
  vocabSize: number;
  /** Stages that can be used. */
  stages: readonly number[];
  close(): void;
}

const TENANTS = ['a', 'b', 'ab'];
const REQUESTS = 60;

/**
 * The promise of the prefix cache: no sequence of requests ever shares a block across tenants or deltas. Requests
 * of all of them ask for the same few prompts at random, through the scheduler, with cancellations, preemptions and
 * drafts; each answer must be the one it gets alone. `open` gives a fresh backend with 30 to 60 blocks of 16 tokens.
 */
export function kvIsolation(
  name: string,
  open: () => Promise<SharedBackend>,
  seeds: readonly number[],
): void {
  describe(`${name}: no block is shared across tenants or deltas`, () => {
    jest.setTimeout(180_000);
    test.each(seeds)('whatever the requests (seed %i)', async (seed) => {
      const under = await open();
      const witness = new ScopeWitness(under.backend);
      const random = seeded(seed);
      const asked = Array.from({ length: REQUESTS }, () => randomRequest(random, under));
      const answers = await runTogether(witness, asked, random);
      under.close();
      // It could have shared wrongly, and it did share rightly.
      expect(witness.tempted).toBeGreaterThan(5);
      expect(witness.shared).toBeGreaterThan(5);
      expect(witness.violations).toEqual([]);
      const known = new Map<string, number[]>();
      for (const [at, request] of asked.entries()) {
        const key = JSON.stringify([request.prompt, request.stage, request.identity?.delta]);
        if (!known.has(key)) known.set(key, await alone(open, request));
        const { tokens, whole } = answers[at] as Answer;
        const reference = known.get(key) as number[];
        expect(tokens).toEqual(whole ? reference : reference.slice(0, tokens.length));
      }
      // Deltas say something else, so the comparison sees them.
      expect(new Set([...known.values()].map(String)).size).toBeGreaterThan(known.size / 3);
    });
  });
}

interface Answer {
  tokens: number[];
  /** Not cancelled. */
  whole: boolean;
}

const MAX_TOKENS = 12;

function randomRequest(random: () => number, under: SharedBackend): BatchRequest {
  const int = (below: number) => Math.floor(random() * below);
  const tenant = TENANTS[int(TENANTS.length)] as string;
  const delta = [null, ...under.deltas][int(3)] as number | null;
  // Two texts of any length: nearly every prompt begins as another one does.
  const salt = int(2);
  const tokens = Int32Array.from({ length: 17 + int(40) }, (_, i) => (i * 7 + salt * 31) % under.vocabSize);
  return {
    tenant,
    priority: 'normal',
    prompt: { kind: 'tokens', tokens },
    sampling: GREEDY,
    maxTokens: MAX_TOKENS,
    stage: under.stages[int(under.stages.length)] as number,
    deadlineUs: Number.POSITIVE_INFINITY,
    identity: identityOf(tenant, delta),
  };
}

/** As the thinker makes it; the digest is the handle's. */
const identityOf = (tenant: string, delta: number | null): SequenceIdentity => ({
  delta,
  scope: cacheScope(tenant, delta === null ? null : `sha256:${String(delta).padStart(64, '0')}`),
});

async function runTogether(
  backend: StepBackend,
  asked: readonly BatchRequest[],
  random: () => number,
): Promise<Answer[]> {
  const limits = { ...DEFAULT_LIMITS, stepTokens: 64, maxRunning: 6, maxWaiting: 1000, contextTokens: 128 };
  const scheduler = new Scheduler(backend, { ...limits, speculation: 'prompt-lookup' }, () => undefined);
  scheduler.setTopStage(0);
  const answers: Answer[] = [];
  let nowUs = 0;
  const step = async (): Promise<boolean> => {
    const plan = scheduler.plan(nowUs);
    if (!plan) return false;
    const outputs = await backend.step(plan.items);
    nowUs += 1000;
    scheduler.complete(plan, outputs, 1000, nowUs);
    await new Promise(setImmediate);
    return true;
  };
  for (const request of asked) {
    const generation = scheduler.submit(request, nowUs);
    const answer: Answer = { tokens: [], whole: true };
    answers.push(answer);
    void read(generation, answer);
    for (let k = Math.floor(random() * 4); k > 0; k--) await step();
    if (random() < 0.1) {
      answer.whole = false;
      generation.cancel();
    }
  }
  while (await step());
  await new Promise(setImmediate);
  scheduler.plan(nowUs);
  return answers;
}

async function read(generation: Generation, { tokens }: Answer): Promise<void> {
  for await (const events of generation) {
    for (const event of events) if (event.type === 'token') tokens.push(event.token);
  }
}

/** Its tokens on a backend that nobody else has used. */
async function alone(open: () => Promise<SharedBackend>, request: BatchRequest): Promise<number[]> {
  const { backend, close } = await open();
  const sequence = backend.createSequence(GREEDY, undefined, request.identity);
  const tokens: number[] = [];
  let next = request.prompt.kind === 'tokens' ? request.prompt.tokens : new Int32Array(0);
  while (tokens.length < MAX_TOKENS) {
    const stage = request.stage as number;
    const [output] = await backend.step([
      { sequence, tokens: next, embeddings: null, stage, sample: true, draft: null },
    ]);
    tokens.push(output?.token ?? -1);
    next = Int32Array.of(output?.token ?? -1);
  }
  close();
  return tokens;
}

/** Uniform in [0, 1), the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
