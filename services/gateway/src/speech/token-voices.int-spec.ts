import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServiceProcess, startService } from '@zen/testing';
import { openGateway, PacedThinker, type Running } from '../gateway.fixture';
import { RealtimeClient } from '../realtime/realtime-client.fixture';

jest.setTimeout(60_000);

/** A tiny random Qwen3-Omni speaker: it reads the thinker's tokens, and needs those of the prompt. */
const FOLDER = join(__dirname, '../../../../packages/engine/fixtures/omni');
/** As its config has them: the marks of turns, who speaks, and what was said. */
const PROMPT = [90, 93, 5, 7, 11, 91, 90, 94, 8];
const WORDS = ['Hello ', 'there, ', 'all ', 'is ', 'well.'];

describe('a voice that reads tokens', () => {
  let talker: ServiceProcess;
  let thinker: PacedThinker;
  let running: Running;
  const tokenized: object[] = [];
  beforeAll(async () => {
    const env = { ZEN_TALKER_OMNI: FOLDER, ZEN_TALKER_VOICES: 'ethan', ZEN_TALKER_EARS: 'none' };
    talker = await startService('talker', { ZEN_PROBE_LISTEN: '127.0.0.1:0', ...env }, 'voices here');
    thinker = new PacedThinker({
      says: () => WORDS,
      tokenize: (request) => {
        tokenized.push(request);
        return PROMPT;
      },
    });
    running = await openGateway([thinker], { ZEN_TALKERS: talker.address });
    for (;;) {
      const { data } = await running.openai.models.list();
      if (data.some(({ id }) => id === 'tts-1')) break;
      await sleep(50);
    }
  });
  afterAll(async () => {
    await running.stop();
    await talker.end('SIGTERM');
  });

  test('speaks a conversation: text, and audio of its tokens, each with its place in the text', async () => {
    // What an attempt before this one asked.
    tokenized.length = 0;
    const client = await RealtimeClient.open(running.url, 'model=paced');
    client.send({
      type: 'session.update',
      session: { type: 'realtime', audio: { output: { voice: 'ethan' } }, include: ['x-zen.timings'] },
    });
    client.say('How are you?');
    client.send({ type: 'response.create' });
    const { response } = await client.next('response.done');
    expect(response).toMatchObject({ status: 'completed' });
    expect(response.output[0].content[0].transcript).toBe(WORDS.join(''));
    const clauses = client.events.filter(({ type }) => type === 'x-zen.response.clause');
    const ends = WORDS.map((_, at) => WORDS.slice(0, at + 1).join('').length);
    expect(clauses.slice(0, WORDS.length).map(({ text_end }) => text_end)).toEqual(ends);
    expect(
      clauses.map(({ text_start }, at) => text_start === (at === 0 ? 0 : clauses[at - 1]?.text_end)),
    ).toEqual(clauses.map(() => true));
    const audio = client.events.filter(({ type }) => type === 'response.output_audio.delta');
    const bytes = audio.reduce((sum, { delta }) => sum + Buffer.from(delta, 'base64').length, 0);
    expect(bytes).toBeGreaterThan(2 * 1920 * (WORDS.length - 1));
    const said = { $case: 'chat', value: { messages: [{ role: 'user', content: 'How are you?' }] } };
    expect(tokenized).toMatchObject([{ input: said }]);
    client.close();
    await client.gone();
  });

  test('speaks a chat', async () => {
    const { choices } = await running.openai.chat.completions.create({
      model: 'paced',
      modalities: ['text', 'audio'],
      audio: { voice: 'ethan', format: 'wav' },
      messages: [{ role: 'user', content: 'How are you?' }],
    });
    const { audio } = choices[0]?.message ?? {};
    expect(audio?.transcript).toBe(WORDS.join(''));
    expect(Buffer.from(audio?.data ?? '', 'base64').length).toBeGreaterThan(2 * 1920 * (WORDS.length - 1));
  });

  test('says so where the prompt cannot be had as tokens', async () => {
    const { tokenize } = thinker.options;
    thinker.options.tokenize = undefined;
    const client = await RealtimeClient.open(running.url, 'model=paced');
    client.send({
      type: 'session.update',
      session: { type: 'realtime', audio: { output: { voice: 'ethan' } } },
    });
    client.say('How are you?');
    client.send({ type: 'response.create' });
    const { response } = await client.next('response.done');
    expect(response.status).toBe('failed');
    thinker.options.tokenize = tokenize;
    client.close();
    await client.gone();
  });
});
