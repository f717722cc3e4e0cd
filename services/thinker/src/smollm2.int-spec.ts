import { cp, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FinishReason, GenerateRequest } from '@zen/contracts';
import { endServices } from '@zen/testing';
import { otherProcess } from './other-process.fixture';
import { collect } from './simulated-thinker.fixture';
import {
  builtThinker,
  complete,
  runThinker,
  startProcess,
  type ThinkerProcess,
} from './thinker-process.fixture';

jest.setTimeout(180_000);
afterAll(endServices);

const built = builtThinker();
if ('missing' in built) console.warn(`skipped: ${built.missing}`);
const folder = 'folder' in built ? built.folder : '';
const withModel = folder === '' ? describe.skip : describe;

const user = (content: string) => ({ role: 'user', content });
const chat = (...messages: { role: string; content: string }[]) => ({
  $case: 'chat' as const,
  value: { messages },
});
const text = (value: string) => ({ $case: 'text' as const, value });
const endless = { prompt: text('Once upon a time'), sampling: { temperature: 0, ignoreEos: true } };

withModel('SmolLM2 in a process of its own', () => {
  let thinker: ThinkerProcess;
  beforeAll(async () => {
    thinker = await startProcess(folder);
    await complete(thinker);
  });
  afterAll(() => thinker.stop('SIGKILL'));
  const ask = (request: Parameters<ThinkerProcess['client']['generate']>[0]) =>
    collect(thinker.client.generate(request));

  test('answers a question sensibly', async () => {
    const prompt = chat(user('What is the capital of France? Answer in one sentence.'));
    const answer = await ask({ prompt, maxTokens: 40, sampling: { temperature: 0 } });
    expect(answer.text).toContain('Paris');
    expect(answer.finished?.reason).toBe(FinishReason.FINISH_REASON_STOP);
    expect(answer.started?.stage).toBe(4);
  });

  test('a seed gives the same answer alone, again, and among seven others', async () => {
    const request = {
      prompt: chat(user('Write a line about the sea.')),
      maxTokens: 24,
      sampling: { temperature: 0.8, topP: 0.9, repetitionPenalty: 1.1, seed: 42n },
    };
    const alone = await ask(request);
    const others = Array.from({ length: 7 }, (_, i) =>
      ask({
        prompt: text('The number '.repeat(3 + 5 * i)),
        maxTokens: 20 + i,
        sampling: { temperature: 1, seed: BigInt(i) },
        ...(i % 2 === 0 ? { stage: i % 5 } : {}),
      }),
    );
    const among = await ask(request);
    await Promise.all(others);
    expect(among.tokenIds).toEqual(alone.tokenIds);
    // The prompt came from the cache the second time.
    expect(among.started?.cachedPromptTokens).toBeGreaterThan(0);
    expect((await ask({ ...request, sampling: { ...request.sampling, seed: 43n } })).tokenIds).not.toEqual(
      alone.tokenIds,
    );
  });

  test('a second turn finds the first in the cache', async () => {
    const first = [user('Name three colours of the rainbow, and say why you like each of them.')];
    const answer = await ask({ prompt: chat(...first), maxTokens: 32, sampling: { temperature: 0 } });
    const turn = [...first, { role: 'assistant', content: answer.text }, user('And a fourth?')];
    const second = await ask({ prompt: chat(...turn), maxTokens: 8, sampling: { temperature: 0 } });
    expect(second.started?.cachedPromptTokens).toBeGreaterThanOrEqual(32);
    expect(second.finished?.usage).toMatchObject({ cachedPromptTokens: second.started?.cachedPromptTokens });
  });

  test('answers with every stage by name, and measures each', async () => {
    for (const stage of [0, 1, 2, 3, 4]) {
      const answer = await ask({ ...endless, stage, maxTokens: 6 });
      expect(new Set(answer.stages)).toEqual(new Set([stage]));
    }
    for await (const { load } of thinker.client.watch({ intervalMs: 50 })) {
      if (load?.costs.length === 5) break;
    }
    const { kernels, load } = await thinker.client.describe({});
    expect(kernels).toMatch(/^(avx512|avx2|neon|scalar)$/);
    for (const cost of load?.costs ?? [])
      expect(cost.decodeBaseUs + cost.decodePerSequenceUs).toBeGreaterThan(0);
  });

  test('a client in another process gets what this one gets', async () => {
    const request = GenerateRequest.fromPartial({ ...endless, maxTokens: 8 });
    const here = await ask(request);
    const lines = await otherProcess(thinker.address, Buffer.from(GenerateRequest.encode(request).finish()))
      .ended;
    const { GenerateResponse } = await import('@zen/contracts');
    const there = lines.flatMap((line) => {
      const { event } = GenerateResponse.decode(Buffer.from(line, 'hex'));
      return event?.$case === 'piece' ? event.value.tokenIds : [];
    });
    expect(there).toEqual(here.tokenIds);
  });

  test('log probabilities are the greedy choice first, and sum to less than one', async () => {
    for await (const { event } of thinker.client.generate({
      ...endless,
      maxTokens: 4,
      sampling: { temperature: 0, logprobs: 5 },
    })) {
      if (event?.$case !== 'piece') continue;
      for (const { tokenId, logprob, top } of event.value.logprobs) {
        expect(top[0]).toMatchObject({ tokenId, logprob });
        expect(top.reduce((sum, one) => sum + Math.exp(one.logprob), 0)).toBeLessThanOrEqual(1.0001);
      }
    }
  });
});

withModel('SmolLM2 with little KV memory', () => {
  test('preempts and computes again, and every answer is what it is alone', async () => {
    // Room for 272 tokens, of which each answer takes 224. Without drafts, so that all grow at one pace: the first
    // would otherwise have its whole room before the others ask for theirs.
    const thinker = await startProcess(folder, { ZEN_KV_BYTES: '6MiB', ZEN_SPECULATION: 'off' });
    await complete(thinker);
    const ask = (i: number) =>
      collect(
        thinker.client.generate({ ...endless, prompt: text(`Story number ${i}:`), maxTokens: 220, stage: 0 }),
      );
    const numbers = [1, 2, 3];
    const preemptions = async () => (await thinker.client.describe({})).load?.preemptions ?? 0n;
    // However seldom the machine lets them meet.
    let together = await Promise.all(numbers.map(ask));
    while ((await preemptions()) === 0n) together = await Promise.all(numbers.map(ask));
    for (const [at, answer] of together.entries())
      expect((await ask(numbers[at] as number)).tokenIds).toEqual(answer.tokenIds);
    await thinker.stop('SIGKILL');
  });
});

withModel('the process', () => {
  test('SIGTERM in the middle of an answer lets it finish', async () => {
    const thinker = await startProcess(folder);
    let tokens = 0;
    for await (const { event } of thinker.client.generate({ ...endless, maxTokens: 60 })) {
      if (event?.$case !== 'piece') continue;
      if (tokens === 0) thinker.child.kill('SIGTERM');
      tokens += event.value.tokenIds.length;
    }
    expect(tokens).toBe(60);
    thinker.client.close();
    expect(await thinker.exited).toBe(0);
  });

  test('kill -9 in the middle of an answer ends it with an error, and a new process serves at once', async () => {
    const first = await startProcess(folder);
    const reading = (async () => {
      for await (const { event } of first.client.generate({ ...endless, maxTokens: 2000 })) {
        if (event?.$case === 'piece') first.child.kill('SIGKILL');
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await first.stop()).toBe('SIGKILL');
    const second = await startProcess(folder, { ZEN_LISTEN: first.address });
    expect(
      (await collect(second.client.generate({ ...endless, stage: 0, maxTokens: 4 }))).tokenIds,
    ).toHaveLength(4);
    expect(await second.stop()).toBe(0);
  });

  test.each([
    ['no ladder named', {}, /^ZEN_LADDER: must name a folder/],
    ['a folder that is not there', { ZEN_LADDER: '/nowhere/ladder' }, /\/nowhere\/ladder/],
    [
      'a bad value',
      { ZEN_LADDER: 'x', ZEN_KV_BYTES: 'much', ZEN_MAX_RUNNING: '0' },
      /ZEN_KV_BYTES: .*\n?.*ZEN_MAX_RUNNING: /,
    ],
  ])('%s stops the start and names itself', async (_, env, message) => {
    const { code, stderr } = await runThinker([], { ZEN_LADDER: '', ...env });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test('a damaged ladder is refused by name', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'zen-thinker-'));
    await cp(folder, copy, { recursive: true });
    const blobs = join(copy, 'blobs', 'sha256');
    const sizes = await Promise.all(
      (await readdir(blobs)).map(async (name) => ({ name, size: (await stat(join(blobs, name))).size })),
    );
    const [largest] = sizes.sort((a, b) => b.size - a.size);
    await truncate(join(blobs, largest?.name ?? ''), 1000);
    const { code, stderr } = await runThinker([], { ZEN_LADDER: copy });
    expect(code).toBe(2);
    expect(stderr).toMatch(/stage 0 has 1000 bytes, must have/);
    await rm(copy, { recursive: true });
  });

  test('help lists every variable, and the version is the package’s', async () => {
    const help = await runThinker(['--help'], {});
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const name of ['ZEN_LADDER', 'ZEN_LISTEN', 'ZEN_KV_BYTES', 'ZEN_GRACE'])
      expect(help.stdout).toContain(name);
    expect((await runThinker(['--version'], {})).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await runThinker(['--frobnicate'], {})).code).toBe(2);
  });

  test('an answer is a span of the caller’s trace, with numbers and without words', async () => {
    const bodies: string[] = [];
    const collector = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        bodies.push(`${request.url} ${body}`);
        response.end('{}');
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const { port } = collector.address() as AddressInfo;
    const thinker = await startProcess(folder, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const metadata = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    const request = { ...endless, prompt: text('a private matter'), stage: 0, maxTokens: 3 };
    await collect(thinker.client.generate(request, { metadata }));
    expect(await thinker.stop()).toBe(0);
    collector.closeAllConnections();
    collector.close();
    const sent = bodies.join('\n');
    expect(sent).toContain('/v1/traces ');
    for (const part of [traceId, 'thinker.generate', 'completionTokens']) expect(sent).toContain(part);
    expect(sent).not.toContain('private');
  });
});
