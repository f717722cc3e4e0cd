import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ThinkerServiceDefinition } from '@zen/contracts';
import { client, type RpcClient } from '@zen/rpc';
import { type ServiceProcess, startService } from '@zen/testing';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { until } from '../gateway.fixture';
import { type RealServer, realLadder, startRealServer } from '../smollm2.fixture';
import { RealtimeClient } from './realtime-client.fixture';
import { openTlsFront, type TlsFront } from './tls-front.fixture';

const ladder = realLadder();
const suite = 'folder' in ladder ? describe : describe.skip;
if ('missing' in ladder) process.stdout.write(`skipped: speech with SmolLM2: ${ladder.missing}\n`);

/** Where scripts/test-servers.mjs puts it. */
const LIVEKIT = join(__dirname, '../../../../node_modules/.zen/livekit');
const livekit = existsSync(join(LIVEKIT, 'node_modules/@livekit/agents-plugin-openai'));
if (!livekit) process.stdout.write("skipped: LiveKit's agents: not installed (scripts/test-servers.mjs)\n");

/** 24 kHz, 16 bits. */
const BYTES_PER_MS = 48;
const SILENCE = Buffer.alloc(1200 * BYTES_PER_MS);

suite('a spoken conversation with SmolLM2', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zen-spoken-'));
  let talker: ServiceProcess;
  let server: RealServer;
  let front: TlsFront;
  let question: Buffer;
  let thinker: RpcClient<typeof ThinkerServiceDefinition>;

  beforeAll(async () => {
    talker = await startService('talker', { ZEN_PROBE_LISTEN: '127.0.0.1:0' }, 'voices here');
    server = await startRealServer('folder' in ladder ? ladder.folder : '', { ZEN_TALKERS: talker.address });
    thinker = client(ThinkerServiceDefinition, server.thinkerAddress);
    front = await openTlsFront(server.url);
    await until('the talker speaks and listens', async () => {
      const { data } = (await (await fetch(`${server.url}/v1/models`)).json()) as { data: { id: string }[] };
      return data.some(({ id }) => id.startsWith('whisper'));
    });
    const spoken = await fetch(`${server.url}/v1/audio/speech`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'tts-1',
        voice: 'heart',
        input: 'What is the capital of France?',
        response_format: 'pcm',
      }),
    });
    expect(spoken.status).toBe(200);
    question = Buffer.from(await spoken.arrayBuffer());
  }, 180_000);
  afterAll(async () => {
    front?.close();
    thinker?.close();
    await server?.stop();
    await talker?.end('SIGTERM');
    rmSync(folder, { recursive: true });
  });

  const speak = (client: { send(event: object): void }, audio: Buffer) => {
    for (let at = 0; at < audio.length; at += 100 * BYTES_PER_MS) {
      const piece = audio.subarray(at, at + 100 * BYTES_PER_MS);
      client.send({ type: 'input_audio_buffer.append', audio: piece.toString('base64') });
    }
  };
  /** Sequences in the thinker's batch. */
  const running = async () => (await thinker.describe({})).load?.running;

  const prefilled = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return /realtime_prefills_total\{outcome="done"\} [1-9]/.test(text);
  };

  it('hears, answers and speaks to the official client, what it prefilled in the cache', async () => {
    const official = new OpenAI({ baseURL: `${front.url}/v1`, apiKey: 'none' });
    const socket = new OpenAIRealtimeWS({ model: server.model, options: { ca: front.ca } }, official);
    const seen: string[] = [];
    const sender = { send: (event: object) => socket.send(event as never) };
    const half = (question.length >> 2) << 1;
    let audioBytes = 0;
    let transcript = '';
    let heard = '';
    const response = await new Promise<{ usage?: { input_token_details?: { cached_tokens?: number } } }>(
      (resolve, reject) => {
        socket.on('error', reject);
        socket.on('event', ({ type }) => seen.push(type));
        socket.on('session.created', () => {
          socket.send({
            type: 'session.update',
            session: {
              type: 'realtime',
              instructions: `You answer in one short sentence. ${'You are kind, brief and exact. '.repeat(12)}`,
              max_output_tokens: 24,
              audio: { input: { transcription: { model: 'whisper-1' } } },
              include: ['x-zen.timings'] as never,
            },
          });
          speak(sender, question.subarray(0, half));
        });
        socket.on('input_audio_buffer.speech_started', () => {
          // While the user speaks on.
          void until('the beginning is computed', prefilled).then(
            () => speak(sender, Buffer.concat([question.subarray(half), SILENCE])),
            reject,
          );
        });
        socket.on('conversation.item.input_audio_transcription.completed', (event) => {
          heard = event.transcript;
        });
        socket.on('response.output_audio.delta', ({ delta }) => {
          audioBytes += Buffer.byteLength(delta, 'base64');
        });
        socket.on('response.output_audio_transcript.done', (event) => {
          transcript = event.transcript;
        });
        socket.on('response.done', (event) => resolve(event.response as never));
      },
    );
    socket.close();
    expect(heard.toLowerCase()).toContain('capital of france');
    expect(transcript).not.toBe('');
    // More than 100 ms for each word that was written.
    expect(audioBytes).toBeGreaterThan(transcript.split(' ').length * 100 * BYTES_PER_MS);
    expect(response).toMatchObject({
      'x-zen': {
        voice_quality: 'full',
        timings: { transcript_ms: expect.any(Number), first_audio_ms: expect.any(Number) },
      },
    });
    const order = [
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      'response.created',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_audio_transcript.delta',
      'response.output_audio.delta',
      'response.output_audio.done',
      'response.output_audio_transcript.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.done',
    ];
    expect(seen.filter((type, at) => order.includes(type) && seen.indexOf(type) === at)).toEqual(order);
    // Nothing was asked before: the instructions were computed while the user spoke.
    expect(response.usage?.input_token_details?.cached_tokens).toBeGreaterThan(60);
  });

  it('keeps every recorded order of events', async () => {
    const replay = join(__dirname, '../../conformance/replay.mjs');
    const argv = [replay, server.url, server.model, '--speaks'];
    const { stdout } = await promisify(execFile)(process.execPath, argv).catch((error) => error);
    expect(
      stdout
        .trim()
        .split('\n')
        .filter((line: string) => !line.startsWith('ok: ')),
    ).toEqual([]);
    expect(stdout.match(/^ok: /gm)).toHaveLength(8);
  });

  (livekit ? it : it.skip)("hears, answers and speaks to LiveKit's agents", async () => {
    const file = join(folder, 'question.pcm');
    writeFileSync(file, Buffer.concat([question, SILENCE]));
    const { stdout } = await promisify(execFile)(process.execPath, [
      join(__dirname, '../../livekit/conversation.mjs'),
      LIVEKIT,
      server.url,
      server.model,
      file,
    ]);
    const said = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(said).toMatchObject({ errors: [], speechStarted: 1 });
    expect(said.heard.toLowerCase()).toContain('capital of france');
    expect(said.text).not.toBe('');
    expect(said.audioMs).toBeGreaterThan(said.text.split(' ').length * 100);
  });

  it('stops at once when its user speaks, to the step of the engine', async () => {
    const caller = await RealtimeClient.open(server.url, `model=${server.model}`);
    caller.say('Write a long story about the sea, with many chapters.');
    caller.send({ type: 'response.create' });
    await caller.next('response.output_audio.delta');
    expect(await running()).toBe(1);
    speak(caller, question);
    await caller.next('input_audio_buffer.speech_started');
    const { response } = await caller.next('response.done');
    expect(response).toMatchObject({ status: 'cancelled', status_details: { reason: 'turn_detected' } });
    await caller.next('output_audio_buffer.cleared');
    await until('the thinker computes nothing of it', async () => (await running()) === 0);
    caller.close();
  });
});
