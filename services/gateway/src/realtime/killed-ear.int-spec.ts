import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDecoder, toInt16 } from '@zen/audio';
import { endServices, type ServiceProcess, serviceMissing, startService } from '@zen/testing';
import { toFile } from 'openai';
import { openGateway, PacedThinker, type Running, until } from '../gateway.fixture';
import { RealtimeClient } from './realtime-client.fixture';

jest.setTimeout(240_000);

const missing = serviceMissing('talker');
if (missing) console.warn(`skipped: ${missing}`);

const FILE = readFileSync(join(__dirname, '../../../../packages/hearing/fixtures/jfk.ogg'));
const WORDS =
  'and so my fellow americans ask not what your country can do for you ask what you can do for your country';
/** 24 kHz, 16 bits. */
const BYTES_PER_MS = 48;
const SILENCE = Buffer.alloc(3000 * BYTES_PER_MS);
const plain = (text: string) => (text.toLowerCase().match(/[a-z]+/g) ?? []).join(' ');
const TRANSCRIPTION = 'conversation.item.input_audio_transcription';

function speech(): Buffer {
  const decoder = openDecoder({ kind: 'container' }, 24_000, { maxSeconds: 60 });
  const pieces = [...decoder.push(FILE), ...decoder.end()].map((piece) =>
    Buffer.from(new Uint8Array(toInt16(piece).buffer)),
  );
  decoder.close();
  return Buffer.concat(pieces);
}

function startTalker(listen = '127.0.0.1:0'): Promise<ServiceProcess> {
  const env = { ZEN_LISTEN: listen, ZEN_PROBE_LISTEN: '127.0.0.1:0', ZEN_TALKER_HEARING_THREADS: '1' };
  return startService('talker', { ...env, ZEN_TALKER_THREADS: '1' }, 'ears here');
}

const metricsOf = async (url: string) => (await fetch(`${url}/metrics`)).text();
const isListening = async ({ probeAddress }: ServiceProcess) =>
  /^zen_talker_listening [1-9]/m.test(await metricsOf(`http://${probeAddress}`));

/** Real talkers in processes of their own, killed while they listen. */
(missing ? describe.skip : describe)('a talker killed in the middle of what it hears', () => {
  const pcm = speech();
  const half = Math.floor(pcm.length / 4) * 2;
  let talkers: ServiceProcess[];
  let running: Running;
  beforeAll(async () => {
    talkers = await Promise.all([startTalker(), startTalker()]);
    running = await openGateway([new PacedThinker()], {
      ZEN_TALKERS: talkers.map(({ address }) => address).join(','),
      // A machine that has much to do takes its time to start one anew.
      ZEN_RESUME_WAIT: '5m',
    });
    await until('two talkers are connected', async () =>
      /^zen_gateway_talkers\{state="up"\} 2/m.test(await metricsOf(running.url)),
    );
  });
  afterAll(async () => {
    await running?.stop();
    endServices();
  });

  const say = (client: RealtimeClient, audio: Buffer) => {
    for (let at = 0; at < audio.length; at += 20 * BYTES_PER_MS) {
      const piece = audio.subarray(at, at + 20 * BYTES_PER_MS);
      client.send({ type: 'input_audio_buffer.append', audio: piece.toString('base64') });
    }
  };
  const open = async (turn_detection: object | null) => {
    const client = await RealtimeClient.open(running.url, 'intent=transcription');
    client.send({
      type: 'session.update',
      session: { type: 'transcription', audio: { input: { turn_detection, transcription: {} } } },
    });
    await client.next('session.updated');
    return client;
  };
  const movesOf = async () =>
    /listen_moves_total\{outcome="moved"\} (\d+)/.exec(await metricsOf(running.url))?.[1];

  test('another hears it again: one turn, all words once, places that go on', async () => {
    const client = await open({ type: 'server_vad', silence_duration_ms: 2000, create_response: false });
    say(client, pcm.subarray(0, half));
    const begun = await client.next('input_audio_buffer.speech_started');
    const ears = await Promise.all(talkers.map(isListening));
    expect(ears.filter(Boolean)).toHaveLength(1);
    await talkers[ears.indexOf(true)]?.end('SIGKILL');
    talkers = talkers.filter((_, at) => !ears[at]);
    say(client, Buffer.concat([pcm.subarray(half), SILENCE]));
    const ended = await client.next('input_audio_buffer.speech_stopped');
    const { transcript } = await client.next(`${TRANSCRIPTION}.completed`);
    expect(plain(transcript)).toBe(WORDS);
    expect(await movesOf()).toBe('1');
    const lengthMs = pcm.length / BYTES_PER_MS;
    expect(ended.audio_end_ms).toBeGreaterThan(lengthMs + 1000);
    expect(ended.audio_end_ms).toBeLessThan(lengthMs + 3000);
    // The next turn begins behind it.
    say(client, pcm);
    const again = await client.next('input_audio_buffer.speech_started');
    expect(again.audio_start_ms).toBeGreaterThan(ended.audio_end_ms);
    expect(again.item_id).not.toBe(begun.item_id);
    const deltas = client.events.filter(
      ({ type, item_id }) => type === `${TRANSCRIPTION}.delta` && item_id === begun.item_id,
    );
    expect(plain(deltas.map(({ delta }) => delta).join(''))).toBe(WORDS);
    const told = client.types().filter((type) => /speech_|committed|completed|failed|error/.test(type));
    expect(told).toEqual([
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      'input_audio_buffer.committed',
      `${TRANSCRIPTION}.completed`,
      'input_audio_buffer.speech_started',
    ]);
    client.close();
  });

  test('the only one is killed and comes back: what was committed is answered, and so is a file', async () => {
    const [talker] = talkers as [ServiceProcess];
    const client = await open(null);
    say(client, pcm);
    client.send({ type: 'input_audio_buffer.commit' });
    const { item_id } = await client.next('input_audio_buffer.committed');
    const file = running.openai.audio.transcriptions.create({
      file: await toFile(FILE, 'speech.ogg'),
      model: 'whisper-1',
    });
    file.catch(() => {});
    await talker.end('SIGKILL');
    talkers = [await startTalker(talker.address)];
    const done = await client.next(`${TRANSCRIPTION}.completed`);
    expect({ item: done.item_id, text: plain(done.transcript) }).toEqual({ item: item_id, text: WORDS });
    expect(plain((await file).text)).toBe(WORDS);
    client.send({ type: 'input_audio_buffer.clear' });
    await client.next('input_audio_buffer.cleared');
    expect(client.types().filter((type) => /completed|failed|error/.test(type))).toHaveLength(1);
    client.close();
  });
});
