import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endServices, serviceMissing } from '@zen/testing';
import { toFile } from 'openai';
import { eventsOf } from '../gateway.fixture';
import { openSpeakingGateway, type SpeakingGateway } from './speech.fixture';

/** Voices and ears are read from disk, by a machine that may have much else to do. */
const START_MS = 180_000;
const missing = serviceMissing('talker');
if (missing) console.log(`skipped: ${missing}`);

const TEXT = 'The quick brown fox jumps over the lazy dog.';
const words = (text: string) => text.toLowerCase().match(/[a-z]+/g);
const fixture = (name: string) => readFileSync(join(__dirname, '../../../../packages/audio/fixtures', name));

(missing ? describe.skip : describe)('speech back to text by a real talker', () => {
  let running: SpeakingGateway;
  let spoken: Buffer;
  beforeAll(async () => {
    running = await openSpeakingGateway(
      { ZEN_MAX_AUDIO: '1MiB', ZEN_MAX_AUDIO_HELD: '1500KiB' },
      'whisper-base',
    );
    spoken = await speak('wav');
  }, START_MS);
  afterAll(async () => {
    await running?.stop();
    endServices();
  });

  async function speak(format: 'wav' | 'opus'): Promise<Buffer> {
    // The seed: what is random in a voice is now and then misheard.
    const request = { model: 'tts-1', voice: 'heart', input: TEXT, response_format: format, seed: 1 };
    const headers = { 'x-zen-quality': 'full' };
    const response = await running.openai.audio.speech.create(request, { headers });
    return Buffer.from(await response.arrayBuffer());
  }

  const file = (bytes = spoken, name = 'fox.wav') => toFile(bytes, name);

  test('text, speech, text: the same words', async () => {
    const { transcriptions } = running.openai.audio;
    const answer = await transcriptions.create({ file: await file(), model: 'whisper-1' });
    expect(words(answer.text)).toEqual(words(TEXT));
    expect(answer.usage).toMatchObject({ type: 'duration', seconds: expect.any(Number) });
    const opus = await transcriptions.create({
      file: await file(await speak('opus'), 'fox.opus'),
      model: 'whisper-base',
      language: 'en',
      prompt: 'A fox.',
    });
    expect(words(opus.text)).toEqual(words(TEXT));
  });

  test('with times of segments and words', async () => {
    const answer = await running.openai.audio.transcriptions.create({
      file: await file(),
      model: 'whisper-1',
      response_format: 'verbose_json',
      timestamp_granularities: ['segment', 'word'],
    });
    expect(answer.language).toBe('english');
    expect(answer.duration).toBeGreaterThan(1.2);
    expect(words((answer.words ?? []).map(({ word }) => word).join(' '))).toEqual(words(TEXT));
    const starts = (answer.words ?? []).map(({ start }) => start);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    expect(words((answer.segments ?? []).map(({ text }) => text).join(' '))).toEqual(words(TEXT));
  });

  test('as text and as subtitles', async () => {
    const ask = async (response_format: 'text' | 'srt' | 'vtt') =>
      (await running.openai.audio.transcriptions.create({
        file: await file(),
        model: 'whisper-1',
        response_format,
      })) as unknown as string;
    expect(words(await ask('text'))).toEqual(words(TEXT));
    expect(await ask('srt')).toMatch(/^1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\n\s*The quick/);
    expect(await ask('vtt')).toMatch(/^WEBVTT\n\n00:00:0\d\.\d{3} --> 00:00:0\d\.\d{3}\n\s*The quick/);
  });

  test('as a stream', async () => {
    const stream = await running.openai.audio.transcriptions.create({
      file: await file(),
      model: 'gpt-4o-mini-transcribe',
      stream: true,
    });
    let text = '';
    let done = '';
    for await (const event of stream) {
      if (event.type === 'transcript.text.delta') text += event.delta;
      if (event.type === 'transcript.text.done') done = event.text;
    }
    expect(words(done)).toEqual(words(TEXT));
    expect(words(text)).toEqual(words(TEXT));
  });

  test('a translation', async () => {
    const answer = await running.openai.audio.translations.create({ file: await file(), model: 'whisper-1' });
    expect(words(answer.text)).toEqual(expect.arrayContaining(['fox', 'dog']));
  });

  const wrong: [
    name: string,
    bytes: () => Buffer,
    fields: Record<string, string>,
    param: string,
    status?: number,
  ][] = [
    ['a file that is none', () => Buffer.from('<!doctype html><p>hello'), {}, 'file'],
    ['a file that is cut off in its headers', () => spoken.subarray(0, 30), {}, 'file'],
    ['an Opus file with a wrong byte', () => flipped(fixture('mono-24000.opus'), 900), {}, 'file'],
    ['an empty file', () => Buffer.alloc(0), {}, 'file'],
    ['a file above the limit', () => Buffer.alloc(2 ** 20 + 1), {}, 'file', 413],
    ['an unknown model', () => spoken, { model: 'gpt-9' }, 'model', 404],
    ['an unknown format', () => spoken, { response_format: 'tape' }, 'response_format'],
    ['a language in words', () => spoken, { language: 'english' }, 'language'],
    ['a temperature out of range', () => spoken, { temperature: '2' }, 'temperature'],
    ['a long prompt', () => spoken, { prompt: 'x'.repeat(1001) }, 'prompt'],
    [
      'times without their format',
      () => spoken,
      { 'timestamp_granularities[]': 'word' },
      'timestamp_granularities',
    ],
    ['a stream of subtitles', () => spoken, { stream: 'true', response_format: 'srt' }, 'stream'],
  ];
  test.each(wrong)('%s is refused by name', async (_, bytes, fields, param, status = 400) => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(bytes())]), 'fox.wav');
    for (const [name, value] of Object.entries({ model: 'whisper-1', ...fields })) form.append(name, value);
    const response = await send(form);
    expect(await response.json()).toMatchObject({ error: { param, message: expect.any(String) } });
    expect(response.status).toBe(status);
  });

  test('what is no form, has no file, or comes from a page elsewhere', async () => {
    const json = await running.post('/v1/audio/transcriptions', { model: 'whisper-1' });
    expect(json.status).toBe(415);
    const empty = new FormData();
    empty.append('model', 'whisper-1');
    expect(await (await send(empty)).json()).toMatchObject({ error: { param: 'file' } });
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(spoken)]), 'fox.wav');
    form.append('model', 'whisper-1');
    expect((await send(form, { origin: 'https://evil.example' })).status).toBe(403);
    // Nowhere else is a form taken.
    const chat = await fetch(`${running.url}/v1/chat/completions`, { method: 'POST', body: form });
    expect(chat.status).toBe(415);
    expect((await fetch(`${running.url}/v1/deltas`, { method: 'POST', body: form })).status).toBe(415);
  });

  test('audio in a chat is heard before the model is asked', async () => {
    const data = spoken.toString('base64');
    await running.openai.chat.completions.create({
      model: 'paced',
      max_tokens: 1,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Repeat: ' },
            { type: 'input_audio', input_audio: { data, format: 'wav' } },
          ],
        },
      ],
    });
    const asked = running.thinkers[0]?.requests.at(-1)?.prompt;
    const content = asked?.$case === 'chat' ? asked.value.messages[0]?.content : '';
    expect(words(content ?? '')).toEqual(['repeat', ...(words(TEXT) ?? [])]);
  });

  test('a chat that is answered in speech', async () => {
    const audio = { voice: 'alloy', format: 'wav' as const };
    const answer = await running.openai.chat.completions.create({
      model: 'paced',
      max_tokens: 6,
      modalities: ['text', 'audio'],
      audio,
      messages: [{ role: 'user', content: 'hi' }],
    });
    const message = answer.choices[0]?.message;
    expect(message?.content).toBeNull();
    expect(message?.audio).toMatchObject({
      id: expect.stringMatching(/^audio_/),
      transcript: 'w0 w1 w2 w3 w4 w5 ',
    });
    const bytes = Buffer.from(message?.audio?.data ?? '', 'base64');
    expect(bytes.subarray(0, 4).toString()).toBe('RIFF');
    expect(bytes.length).toBeGreaterThan(24_000);
  });

  test('a chat whose speech is made while its text is written', async () => {
    const response = await running.post('/v1/chat/completions', {
      model: 'paced',
      max_tokens: 20,
      stream: true,
      modalities: ['text', 'audio'],
      audio: { voice: 'heart', format: 'pcm16' },
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect(response.headers.get('x-zen-voice')).toBe('heart');
    const events = await eventsOf(response);
    expect(events.pop()).toBe('[DONE]');
    const deltas = events.map((event) => JSON.parse(event).choices[0]?.delta?.audio ?? {});
    const text = deltas.map(({ transcript = '' }) => transcript).join('');
    expect(text.split(' ').filter((word) => word !== '')).toHaveLength(20);
    const samples = deltas.reduce((sum, { data = '' }) => sum + Buffer.from(data, 'base64').length / 2, 0);
    expect(samples).toBeGreaterThan(2 * 24_000);
    expect(new Set(deltas.flatMap(({ id = [] }) => id)).size).toBe(1);
    expect(deltas.at(-1)?.expires_at ?? deltas.at(-2)?.expires_at).toEqual(expect.any(Number));
    const finish = events.map((event) => JSON.parse(event).choices[0]?.finish_reason).filter(Boolean);
    expect(finish).toEqual(['length']);
  });

  test.each([
    ['audio without its settings', { modalities: ['text', 'audio'] }, 'audio'],
    ['audio alone', { modalities: ['audio'], audio: { voice: 'heart', format: 'wav' } }, 'modalities'],
    ['AAC', { modalities: ['text', 'audio'], audio: { voice: 'heart', format: 'aac' } }, 'audio.format'],
    [
      'a streamed WAV',
      { stream: true, modalities: ['text', 'audio'], audio: { voice: 'heart', format: 'wav' } },
      'audio.format',
    ],
    [
      'two spoken answers',
      { n: 2, modalities: ['text', 'audio'], audio: { voice: 'heart', format: 'wav' } },
      'n',
    ],
    [
      'an unknown voice',
      { modalities: ['text', 'audio'], audio: { voice: 'nobody', format: 'wav' } },
      'audio.voice',
    ],
    ['audio that is no base64', { messages: [heard('!')] }, 'messages[0].content[0].input_audio.data'],
    ['audio that is none', { messages: [heard('AAAA')] }, 'messages[0].content[0].input_audio.data'],
    [
      'audio of another format',
      { messages: [heard('AAAA', 'flac')] },
      'messages[0].content[0].input_audio.format',
    ],
  ])('in a chat %s is refused by name', async (_, more, param) => {
    const body = { model: 'paced', max_tokens: 2, messages: [{ role: 'user', content: 'hi' }], ...more };
    const response = await running.post('/v1/chat/completions', body);
    expect(await response.json()).toMatchObject({ error: { param } });
    expect(response.status).toBe(400);
  });

  function send(form: FormData, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${running.url}/v1/audio/transcriptions`, { method: 'POST', body: form, headers });
  }
});

function heard(data: string, format = 'wav') {
  return { role: 'user', content: [{ type: 'input_audio', input_audio: { data, format } }] };
}

function flipped(bytes: Buffer, at: number): Buffer {
  const wrong = Buffer.from(bytes);
  wrong[at] = (wrong[at] as number) ^ 1;
  return wrong;
}
