import { readConfig } from '@zen/config';
import { ThinkerServiceDefinition } from '@zen/contracts';
import { client } from '@zen/rpc';
import { createLogger } from '@zen/telemetry';
import { settings } from '../config';
import { type Gateway, startGateway } from '../gateway';
import { type GatewayProcess, startGatewayProcess } from '../gateway-process.fixture';
import { type RealThinker, realLadder, startRealThinker } from '../smollm2.fixture';
import { answerOf, type Question, type Received, readGrpc, readSse } from './stream-reader.fixture';

jest.setTimeout(300_000);

const ladder = realLadder();
if ('missing' in ladder) console.warn(`skipped: ${ladder.missing}`);

/** Every way in which an answer has a state: chance, penalties, stop texts, characters of several tokens. */
const STAGE = 3;
const QUESTIONS: Question[] = [
  'Tell me about the sea.',
  'Write five emoji and say what each means: 🥊🌊🐙.',
  'Translate "good morning, my friend" into Chinese and Japanese.',
  'List ten animals, one per line.',
].flatMap((content, i): Question[] => {
  const maxTokens = 32 + 4 * i;
  const sampled = { temperature: 0.9, seed: 1000 + i };
  return [
    { content, maxTokens, stage: STAGE },
    { content, maxTokens, stage: STAGE, logprobs: true, stop: ['\n\n', 'zzz'] },
    { content, maxTokens, stage: STAGE, ...sampled, logprobs: true },
    { content, maxTokens, stage: STAGE, ...sampled, frequencyPenalty: 0.8 },
    { content, maxTokens, stage: STAGE, ...sampled, repetitionPenalty: 1.3, stop: [' the sea', '3.'] },
    { content, maxTokens, stage: STAGE, temperature: 1.3, seed: 7 + i, logprobs: true },
  ];
});
const THINKER_ENV = { ZEN_THREADS: '1', ZEN_KV_BYTES: '256MiB', ZEN_CONTEXT_TOKENS: '1024', ZEN_GRACE: '0s' };
const GATEWAY_ENV = {
  ZEN_LISTEN: '127.0.0.1:0',
  ZEN_GRPC_LISTEN: '127.0.0.1:0',
  // However slow the machine: everything is to be answered, and an answer finds its thinker again.
  ZEN_MAX_QUEUE: '1h',
  ZEN_RESUME_WAIT: '10m',
  ZEN_LOG_LEVEL: 'info',
};

/** Waits for a condition as long as the test may take. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Real clients, gateways, thinkers and weights; what happens to them is what happens in a cluster. */
('missing' in ladder ? describe.skip : describe)('SmolLM2 whose servers go', () => {
  const folder = 'folder' in ladder ? ladder.folder : '';
  let model = '';
  let thinkers: RealThinker[];
  let gateway: Gateway;
  /** What each question is answered while nothing happens. */
  let undisturbed: Received[];
  const gateways: GatewayProcess[] = [];

  const ask = (i: number, onPiece: (received: Received) => void = () => {}) => {
    const question = QUESTIONS[i] as Question;
    return i % 2 === 0
      ? readSse(gateway.httpAddress, model, question, onPiece)
      : readGrpc(gateway.grpcAddress, model, question, onPiece);
  };
  const metric = async (line: string) => {
    const text = await (await fetch(`http://${gateway.httpAddress}/metrics`)).text();
    const found = text.split('\n').find((one) => one.startsWith(`zen_gateway_${line} `));
    return Number(found?.split(' ').at(-1) ?? 0);
  };
  const attached = async (address: string, replicas: number) => {
    const [models, ready] = await Promise.all([
      fetch(`http://${address}/v1/models`),
      fetch(`http://${address}/readyz`),
    ]);
    const { data } = (await models.json()) as {
      data?: { id: string; stages: { stage: number; attached: boolean }[] }[];
    };
    const { replicas: seen } = (await ready.json()) as { replicas: { up: number } };
    model = data?.[0]?.id ?? model;
    const has = data?.[0]?.stages.some(({ stage, attached }) => stage === STAGE && attached) ?? false;
    return has && seen.up === replicas;
  };
  /** Starts all questions at once, and does something to a server once they are well under way. */
  const disturbed = async (indexes: number[], event: () => Promise<unknown>) => {
    let pieces = 0;
    const had = new Set<number>();
    let happened: Promise<unknown> | undefined;
    let fail: (error: unknown) => void = () => {};
    // Answers that wait for a server that does not come would hide why.
    const begin = () => {
      happened = event();
      happened.catch((error: unknown) => fail(error));
    };
    const answers = indexes.map((i) =>
      ask(i, () => {
        pieces++;
        had.add(i);
        if (!happened && had.size > indexes.length / 2 && pieces > indexes.length * 4) begin();
      }),
    );
    const failed = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const received = await Promise.race([Promise.all(answers), failed]);
    expect(happened).toBeDefined();
    await happened;
    return received.map(answerOf);
  };
  const all = [...QUESTIONS.keys()];
  const expected = (indexes: number[]) => indexes.map((i) => answerOf(undisturbed[i] as Received));

  beforeAll(async () => {
    thinkers = await Promise.all([0, 1].map(() => startRealThinker(folder, THINKER_ENV)));
    const addresses = thinkers.map(({ address }) => address).join(',');
    const config = readConfig(settings, { ...GATEWAY_ENV, ZEN_THINKERS: addresses });
    gateway = await startGateway(config, createLogger('gateway', 'silent'));
    await until(() => attached(gateway.httpAddress, 2));
    undisturbed = await Promise.all(all.map((i) => ask(i)));
    for (const { error, finish } of undisturbed)
      expect({ error, ended: finish !== null }).toEqual({ ended: true });
  });
  afterAll(async () => {
    for (const { child } of gateways) child.kill('SIGKILL');
    await gateway?.stop();
    await Promise.all(thinkers?.map((one) => one.end('SIGKILL')) ?? []);
  });

  /** The thinker with the most answers under way: requests that look alike go to one. */
  const busiest = async () => {
    const running = await Promise.all(
      thinkers.map(async ({ address }) => {
        const thinker = client(ThinkerServiceDefinition, address);
        const { load } = await thinker.describe({});
        thinker.close();
        return load?.running ?? 0;
      }),
    );
    return running.indexOf(Math.max(...running));
  };
  const again = async (at: number) => {
    const { address } = thinkers[at] as RealThinker;
    thinkers[at] = await startRealThinker(folder, { ...THINKER_ENV, ZEN_LISTEN: address });
  };

  test('the questions have answers that would show a slip', () => {
    const texts = undisturbed.map(({ text }) => text);
    expect(new Set(texts).size).toBeGreaterThan(QUESTIONS.length / 2);
    expect(texts.join('')).toMatch(/\p{Emoji_Presentation}|\p{Script=Han}/u);
    expect(undisturbed.some(({ finish }) => finish === 'stop')).toBe(true);
    expect(undisturbed.some(({ finish }) => finish === 'length')).toBe(true);
  });

  test('SIGKILL of one of two thinkers in the middle of 24 streams: every byte as if nothing had happened', async () => {
    let victim = 0;
    const answers = await disturbed(all, async () => {
      victim = await busiest();
      await (thinkers[victim] as RealThinker).end('SIGKILL');
    });
    expect(answers).toEqual(expected(all));
    expect(await metric('migrations_total{type="lost"}')).toBeGreaterThan(0);
    await again(victim);
    await until(() => attached(gateway.httpAddress, 2));
  });

  test('a thinker that goes silent, as behind a network that is cut: the same, once it is missed', async () => {
    const before = await metric('migrations_total{type="lost"}');
    const some = all.slice(8, 20);
    let victim = 0;
    const answers = await disturbed(some, async () => {
      victim = await busiest();
      thinkers[victim]?.child.kill('SIGSTOP');
    });
    thinkers[victim]?.child.kill('SIGCONT');
    expect(answers).toEqual(expected(some));
    expect(await metric('migrations_total{type="lost"}')).toBeGreaterThan(before);
    await until(() => attached(gateway.httpAddress, 2));
  });

  test('SIGTERM of one of two thinkers without a grace: the same, and it ends with 0', async () => {
    let code: unknown;
    const answers = await disturbed(all, async () => {
      const [leaving] = thinkers.splice(await busiest(), 1);
      code = await leaving?.end('SIGTERM');
    });
    expect(answers).toEqual(expected(all));
    expect(code).toBe(0);
    expect(await metric('migrations_total{type="drained"}')).toBeGreaterThan(0);
  });

  test('SIGKILL of the only thinker: answers wait until it is back, and go on there', async () => {
    const some = all.slice(0, 8);
    const answers = await disturbed(some, async () => {
      await (thinkers[0] as RealThinker).end('SIGKILL');
      await again(0);
    });
    expect(answers).toEqual(expected(some));
  });

  describe('two gateways that share a key', () => {
    const key = { ZEN_RESUME_KEY: 'shared by both of these gateways' };
    const open = async (more: Record<string, string> = {}) => {
      const { address } = thinkers[0] as RealThinker;
      const started = await startGatewayProcess({ ...GATEWAY_ENV, ...key, ZEN_THINKERS: address, ...more });
      gateways.push(started);
      await until(() => attached(started.http, 1));
      return started;
    };
    const [sse, grpc] = [all.filter((i) => i % 2 === 0), all.filter((i) => i % 2 === 1)];
    const asked = [...sse.slice(0, 6), ...grpc.slice(0, 6)];
    const askOf = (at: GatewayProcess, i: number, onPiece: (received: Received) => void, had?: Received) => {
      const question = QUESTIONS[i] as Question;
      return i % 2 === 0
        ? readSse(at.http, model, question, onPiece, had)
        : readGrpc(at.grpc, model, question, onPiece, had);
    };

    test.each([
      ['SIGTERM', /^unavailable$/i],
      ['SIGKILL', /./],
    ] as const)('%s of one: the other gives exactly the rest', async (signal, how) => {
      const first = await open({ ZEN_GRACE: '0s' });
      const second = await open();
      const had = new Set<number>();
      let pieces = 0;
      let gone = false;
      const onPiece = (i: number) => () => {
        had.add(i);
        if (++pieces <= asked.length * 5 || had.size < asked.length || gone) return;
        // Once: a second SIGTERM would not let it say its last words.
        gone = true;
        first.child.kill(signal);
      };
      const broken = await Promise.all(asked.map((i) => askOf(first, i, onPiece(i))));
      const errors = broken.flatMap(({ error }) => error ?? []);
      expect(errors.length).toBeGreaterThan(asked.length / 2);
      for (const error of errors) expect(error).toMatch(how);
      const whole = await Promise.all(
        broken.map((received, at) =>
          received.error === undefined ? received : askOf(second, asked[at] as number, () => {}, received),
        ),
      );
      expect(whole.map(answerOf)).toEqual(expected(asked));
    });
  });
});
