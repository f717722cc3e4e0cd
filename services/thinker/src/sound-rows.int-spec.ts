import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GenerateRequest, TokenLogprob } from '@zen/contracts';
import { GREEDY } from '@zen/engine';
import { endServices, packTinyMixture, serviceMissing } from '@zen/testing';
import { openEngine } from './serving/open-engine';
import { complete, startProcess, type ThinkerProcess } from './thinker-process.fixture';

jest.setTimeout(120_000);

const missing = serviceMissing('thinker');
if (missing) console.warn(`skipped: ${missing}`);
const whenBuilt = missing ? describe.skip : describe;

const WIDTH = 64;
const ANSWER = 12;
const TOP = 3;
const SAMPLING = { temperature: 0, ignoreEos: true, logprobs: TOP };
/** In the place of sound; never read where a row is. */
const SOUND = 9;
const folder = mkdtempSync(join(tmpdir(), 'zen-sound-'));
let random = 7;
const noise = () => {
  random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
  return random / 2 ** 31 - 1;
};

interface Heard {
  tokens: Int32Array;
  rows: Float32Array;
  rowAt: number[];
}

/** 20 tokens, 26 rows (two seconds of sound), 10 tokens, a row, and `tail` tokens. */
function heard(tail = 4): Heard {
  const length = 57 + tail;
  const rowAt = [...Array.from({ length: 26 }, (_, i) => 20 + i), 56];
  const tokens = Int32Array.from({ length }, (_, i) => (rowAt.includes(i) ? SOUND : 20 + ((i * 7) % 400)));
  return { tokens, rows: Float32Array.from({ length: rowAt.length * WIDTH }, noise), rowAt };
}

const prompt = ({ tokens, rows, rowAt }: Heard): GenerateRequest['prompt'] => ({
  $case: 'embeddings',
  value: { rows: Buffer.from(rows.slice().buffer), tokenIds: [...tokens], rowPositions: rowAt },
});

/** Each token of an answer and what was likely in its place: `id:logprob`. */
const told = (id: number, logprob: number) => `${id}:${logprob}`;

whenBuilt('rows of sound between tokens, through a thinker process', () => {
  let thinker: ThinkerProcess;
  let inProcess: (what: Heard, count?: number) => Promise<string[][]>;
  let closeEngine = () => {};

  beforeAll(async () => {
    const ladder = await packTinyMixture(folder, { hiddenSize: WIDTH, layers: 8 });
    // 1 KiB of KV a token: room for 64 blocks of 16.
    const env = { ZEN_THREADS: '1', ZEN_KV_BYTES: '1MiB', ZEN_STEP_TOKENS: '16' };
    thinker = await startProcess(folder, env);
    await complete(thinker);
    const { backend } = openEngine(ladder, {
      threads: 1,
      kvBytes: 2 ** 22,
      kvType: 'f16',
      contextTokens: 2048,
      delta: null,
      residentStage: null,
    });
    for (const [stage, path] of ladder.stagePaths.entries()) await backend.attachStage(stage, path);
    closeEngine = () => void backend.close();
    inProcess = async ({ tokens, rows, rowAt }, count = ANSWER) => {
      const sequence = backend.createSequence({ ...GREEDY, logprobs: TOP }, new Int32Array(0));
      const items: { tokens: Int32Array; embeddings: Float32Array | null }[] = [...tokens].map(
        (token, at) => {
          const row = rowAt.indexOf(at);
          return row < 0
            ? { tokens: Int32Array.of(token), embeddings: null }
            : { tokens: new Int32Array(0), embeddings: rows.slice(row * WIDTH, (row + 1) * WIDTH) };
        },
      );
      const answer: string[][] = [];
      for (let at = 0; answer.length < count; at++) {
        const sample = at >= items.length - 1;
        const item = { ...(items[at] as (typeof items)[0]), sequence, stage: 4, sample, draft: null };
        const [output] = await backend.step([item]);
        if (!sample || !output) continue;
        const { token, logprob, topTokens, topLogprobs } = output;
        answer.push([
          told(token, logprob),
          ...[...topTokens].map((id, i) => told(id, topLogprobs[i] as number)),
        ]);
        items.push({ tokens: Int32Array.of(token), embeddings: null });
      }
      backend.freeSequence(sequence);
      return answer;
    };
  });
  afterAll(async () => {
    closeEngine();
    await thinker?.stop('SIGKILL');
    endServices();
    rmSync(folder, { recursive: true });
  });

  const ask = async (what: GenerateRequest['prompt'], maxTokens = ANSWER) => {
    const request = { prompt: what, maxTokens, stage: 4, sampling: SAMPLING };
    const answer: string[][] = [];
    let cached = -1;
    const one = ({ tokenId, logprob }: TokenLogprob) => told(tokenId, logprob);
    for await (const { event } of thinker.client.generate(request)) {
      if (event?.$case === 'started') cached = event.value.cachedPromptTokens;
      if (event?.$case !== 'piece') continue;
      for (const each of event.value.logprobs) answer.push([one(each), ...each.top.map(one)]);
    }
    return { answer, cached };
  };

  test("ids and log probabilities are the engine's own, bit for bit", async () => {
    for (const what of [heard(), heard(0)]) {
      const { answer } = await ask(prompt(what));
      expect(answer).toHaveLength(ANSWER);
      expect(answer).toEqual(await inProcess(what));
    }
  });

  test('two sounds under the same ids share what stands before them, and nothing else', async () => {
    const first = heard();
    const second = { ...first, rows: heard().rows };
    const answers = [await ask(prompt(first)), await ask(prompt(second)), await ask(prompt(first))];
    const [a, b] = [await inProcess(first), await inProcess(second)];
    expect(a).not.toEqual(b);
    expect(answers.map(({ answer }) => answer)).toEqual([a, b, a]);
    // One block of 16 of the 20 tokens before the first row.
    expect(answers.slice(1).map(({ cached }) => cached)).toEqual([16, 16]);
    // The ids by themselves are another prompt.
    const tokens = await ask({ $case: 'tokens', value: { tokenIds: [...first.tokens] } });
    expect(tokens.cached).toBe(16);
    expect(tokens.answer).toEqual(await inProcess({ ...first, rows: new Float32Array(0), rowAt: [] }));
    expect((await ask(prompt(first))).answer).toEqual(a);
  });

  test('a sequence that was put off is computed anew from its rows', async () => {
    // 10 blocks each to begin with, 18 at the end: six are begun, and cannot all be ended.
    const all = Array.from({ length: 8 }, () => heard(100));
    const answers = await Promise.all(all.map((what) => ask(prompt(what), 120)));
    for (const [i, what] of all.entries()) expect(answers[i]?.answer).toEqual(await inProcess(what, 120));
    for await (const { load } of thinker.client.watch({ intervalMs: 50 })) {
      expect(Number(load?.preemptions)).toBeGreaterThan(0);
      break;
    }
  });

  const good = heard();
  const bad = (change: object) => ({
    $case: 'embeddings' as const,
    value: { ...(prompt(good) as { value: object }).value, ...change } as never,
  });
  const bytes = (at: number, value: number) => {
    const rows = good.rows.slice();
    rows[at] = value;
    return Buffer.from(rows.buffer);
  };
  test.each([
    ['half a row', bad({ rows: Buffer.alloc(130) }), 'embeddings.rows: 130 bytes, must be a multiple of 256'],
    ['rows without positions', bad({ rowPositions: [] }), 'embeddings.row_positions: 0 for 27 rows'],
    ['positions without rows', bad({ rows: Buffer.alloc(0) }), 'embeddings.row_positions: 27 for 0 rows'],
    ['positions without ids', bad({ tokenIds: [] }), 'embeddings.row_positions[0]: 20, must be above'],
    ['positions twice', bad({ rowPositions: new Array(27).fill(3) }), 'embeddings.row_positions[1]: 3, must'],
    [
      'what is no number',
      bad({ rows: bytes(65, Number.NaN) }),
      'embeddings.rows: number 1 of row 1 is not finite',
    ],
    [
      'what cannot be real',
      bad({ rows: bytes(64, -2e6) }),
      'embeddings.rows: number 0 of row 1 is beyond 1000000',
    ],
    ['unknown ids', bad({ tokenIds: [...good.tokens].fill(514) }), 'embeddings.token_ids: token id 514'],
    [
      'more than the context',
      bad({ tokenIds: new Array(2048).fill(1) }),
      'embeddings.token_ids: 2048 positions',
    ],
  ])('%s is refused by name', async (_, what, message) => {
    await expect(ask(what)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    });
  });

  test('more bytes than a message may have are refused', async () => {
    const small = await startProcess(folder, { ZEN_THREADS: '1', ZEN_MESSAGE_BYTES: '65536' });
    const many = bad({ rows: Buffer.alloc(70_000) });
    const asked = (async () => {
      for await (const _ of small.client.generate({ prompt: many })) break;
    })();
    await expect(asked).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await small.stop('SIGKILL');
  });
});
