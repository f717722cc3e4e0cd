import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type OutputFormat, openDecoder } from '@zen/audio';
import { endServices, serviceMissing } from '@zen/testing';
import { eventsOf, openGateway, PacedThinker, until } from '../gateway.fixture';
import { digestOf, newKey } from '../keys/key-entry';
import { openSpeakingGateway, type SpeakingGateway } from './speech.fixture';

/** Voices and ears are read from disk, by a machine that may have much else to do. */
const START_MS = 180_000;
const missing = serviceMissing('talker');
if (missing) console.log(`skipped: ${missing}`);
const hasLame = spawnSync('lame', ['--version']).status === 0;
if (!hasLame) console.log('skipped: mp3, lame is not installed');

const TEXT = 'The quick brown fox jumps over the lazy dog.';

/** Samples at 24 kHz. */
function samplesOf(bytes: Buffer, format: string): Float32Array {
  const raw = { kind: 'raw', encoding: 'pcm_s16le', sampleRate: 24_000, channels: 1 } as const;
  const decoder = openDecoder(format === 'pcm' ? raw : { kind: 'container' }, 24_000, { maxSeconds: 600 });
  const pieces = [...decoder.push(bytes), ...decoder.end()];
  decoder.close();
  return Float32Array.from(pieces.flatMap((piece) => [...piece]));
}

const loudness = (samples: Float32Array) =>
  Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);

(missing ? describe.skip : describe)('/v1/audio/speech by a real talker', () => {
  let running: SpeakingGateway;
  beforeAll(async () => {
    running = await openSpeakingGateway();
  }, START_MS);
  afterAll(async () => {
    await running?.stop();
    endServices();
  });

  const formats: OutputFormat[] = ['pcm', 'wav', 'opus', ...(hasLame ? (['mp3'] as const) : [])];
  const lengths = new Map<string, number>();

  test.each(formats)('the official client gets %s that holds speech', async (format) => {
    const response = await running.openai.audio.speech.create({
      model: 'tts-1',
      voice: 'alloy',
      input: TEXT,
      response_format: format as 'pcm',
    });
    expect(response.headers.get('x-zen-voice')).toBe('heart');
    expect(response.headers.get('x-zen-voice-quality')).toMatch(/^(full|reduced)$/);
    expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    const samples = samplesOf(Buffer.from(await response.arrayBuffer()), format);
    lengths.set(format, samples.length);
    // A sentence of nine words.
    expect(samples.length).toBeGreaterThan(1.2 * 24_000);
    expect(samples.length).toBeLessThan(8 * 24_000);
    expect(loudness(samples)).toBeGreaterThan(0.01);
  });

  test('without a format it is mp3 where there is an encoder, else wav', async () => {
    const body = { model: 'tts-1', voice: 'heart', input: 'Hello.' };
    const response = await running.post('/v1/audio/speech', body);
    expect(response.headers.get('content-type')).toBe(hasLame ? 'audio/mpeg' : 'audio/wav');
    expect(samplesOf(Buffer.from(await response.arrayBuffer()), 'container').length).toBeGreaterThan(2400);
  });

  test('speed makes it shorter', async () => {
    const response = await running.openai.audio.speech.create({
      model: 'tts-1',
      voice: 'heart',
      input: TEXT,
      response_format: 'pcm',
      speed: 2,
    });
    const samples = samplesOf(Buffer.from(await response.arrayBuffer()), 'pcm');
    expect(samples.length).toBeLessThan(0.75 * (lengths.get('pcm') ?? 0));
  });

  test('as events: pieces of audio, then what was used', async () => {
    const response = await running.post('/v1/audio/speech', {
      model: 'gpt-4o-mini-tts',
      voice: 'heart',
      input: TEXT,
      response_format: 'pcm',
      stream_format: 'sse',
    });
    const events = (await eventsOf(response)).map((text) => JSON.parse(text));
    const done = events.pop();
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['speech.audio.delta']));
    expect(events.length).toBeGreaterThan(5);
    const bytes = Buffer.concat(events.map(({ audio }) => Buffer.from(audio, 'base64')));
    const tokens = Math.ceil(bytes.length / 2 / 1920);
    expect(done).toEqual({
      type: 'speech.audio.done',
      usage: { input_tokens: 11, output_tokens: tokens, total_tokens: 11 + tokens },
    });
  });

  test('a listener that goes away ends it at the talker', async () => {
    const gone = new AbortController();
    const response = await fetch(`${running.url}/v1/audio/speech`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'tts-1',
        voice: 'heart',
        input: `${TEXT} `.repeat(80),
        response_format: 'pcm',
      }),
      signal: gone.signal,
    });
    await response.body?.getReader().read();
    expect(await gauge('zen_gateway_requests_in_flight')).toBe(1);
    gone.abort();
    await until('it is over', async () => (await gauge('zen_gateway_requests_in_flight')) === 0);
    await until('the talker has stopped', async () => {
      const text = await (await fetch(`http://${running.talker.probeAddress}/metrics`)).text();
      return /^zen_talker_speaking 0$/m.test(text);
    });
    const again = await running.post('/v1/audio/speech', {
      model: 'tts-1',
      voice: '',
      input: 'Yes.',
      response_format: 'pcm',
    });
    expect((await again.arrayBuffer()).byteLength).toBeGreaterThan(1000);
  });

  test('voices and models are listed', async () => {
    const voices = (await (await fetch(`${running.url}/v1/audio/voices`)).json()) as { data: object[] };
    expect(voices.data).toContainEqual({
      id: 'heart',
      object: 'voice',
      name: 'heart',
      language: expect.stringMatching(/^en/),
      sample_rate: 24_000,
      default: true,
    });
    const { data } = await running.openai.models.list();
    expect(data.map(({ id }) => id)).toContain('tts-1');
  });

  test.each([
    ['no input', { input: '' }, 'input', 'invalid_request'],
    ['too long an input', { input: 'x'.repeat(4097) }, 'input', 'invalid_request'],
    ['an unknown voice', { voice: 'nobody' }, 'voice', 'invalid_request'],
    ['an unknown model', { model: 'gpt-9' }, 'model', 'model_not_found'],
    ['AAC', { response_format: 'aac' }, 'response_format', 'unsupported'],
    ['FLAC', { response_format: 'flac' }, 'response_format', 'unsupported'],
    ['an unknown format', { response_format: 'tape' }, 'response_format', 'invalid_request'],
    ['a speed out of range', { speed: 5 }, 'speed', 'invalid_request'],
  ])('%s is refused by name', async (_, more, param, code) => {
    const body = { model: 'tts-1', voice: 'alloy', input: 'Hi.', response_format: 'pcm', ...more };
    const response = await running.post('/v1/audio/speech', body);
    expect(await response.json()).toMatchObject({ error: { param, code } });
    expect(response.status).toBe(code === 'model_not_found' ? 404 : 400);
  });

  test('a key is needed where keys are, and its limits hold for speech', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'zen-keys-'));
    const [key, file] = [newKey(), join(folder, 'keys')];
    await writeFile(file, `sha256:${digestOf(key).toString('hex')} tenant=small rpm=1\n`);
    const thinker = new PacedThinker();
    const locked = await openGateway([thinker], {
      ZEN_TALKERS: running.talker.address,
      ZEN_API_KEYS: file,
    });
    const headers = { authorization: `Bearer ${key}` };
    const ask = (headers: Record<string, string>) =>
      locked.post(
        '/v1/audio/speech',
        { model: 'tts-1', voice: 'heart', input: 'Yes.', response_format: 'pcm' },
        { headers },
      );
    try {
      await until(
        'the talker is known',
        async () => (await fetch(`${locked.url}/v1/audio/voices`, { headers })).ok,
      );
      expect((await ask({})).status).toBe(401);
      const served = await ask(headers);
      expect(served.status).toBe(200);
      expect(served.headers.get('x-ratelimit-limit-requests')).toBe('1');
      expect((await served.arrayBuffer()).byteLength).toBeGreaterThan(1000);
      const refused = await ask(headers);
      expect(refused.status).toBe(429);
      expect(await refused.json()).toMatchObject({ error: { code: 'rate_limit_exceeded' } });
    } finally {
      await locked.stop();
      await rm(folder, { recursive: true });
    }
  });

  async function gauge(name: string): Promise<number> {
    const text = await (await fetch(`${running.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
  }
});

test('without talkers speech is refused by name, and nothing of it is listed', async () => {
  const running = await openGateway([new PacedThinker()]);
  try {
    const body = { model: 'tts-1', voice: 'alloy', input: 'Hi.' };
    for (const answer of [
      await running.post('/v1/audio/speech', body),
      await fetch(`${running.url}/v1/audio/voices`),
      await fetch(`${running.url}/v1/audio/transcriptions`, { method: 'POST', body: new FormData() }),
    ]) {
      expect(answer.status).toBe(501);
      expect(await answer.json()).toMatchObject({
        error: { code: 'speech_not_served', message: expect.stringContaining('ZEN_TALKERS') },
      });
    }
    const { data } = await running.openai.models.list();
    expect(data.map(({ id }) => id)).toEqual(['paced']);
  } finally {
    await running.stop();
  }
});
