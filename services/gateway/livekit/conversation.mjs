// A spoken turn by LiveKit's own client of the Realtime API, as its agents have them.
// usage: node conversation.mjs FOLDER URL MODEL FILE — FOLDER holds @livekit/agents, FILE 24 kHz 16-bit mono PCM.
// Prints one line of JSON: what it understood of its user, what it was answered, and how much audio that was.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, url, model, file] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { initializeLogger } = await load('@livekit/agents');
const { realtime } = await load('@livekit/agents-plugin-openai');
const { AudioFrame } = await load('@livekit/rtc-node');

const RATE = 24_000;
const FRAME = RATE / 10;

initializeLogger({ pretty: false, level: 'error' });
const session = new realtime.RealtimeModel({
  baseURL: `${url}/v1`,
  apiKey: 'none',
  model,
  maxResponseOutputTokens: 24,
}).session();

const out = { heard: '', text: '', audioMs: 0, speechStarted: 0, errors: [] };
session.on('input_speech_started', () => out.speechStarted++);
session.on('input_audio_transcription_completed', ({ transcript, isFinal }) => {
  if (isFinal) out.heard = transcript;
});
session.on('error', ({ error }) => out.errors.push(String(error?.message ?? error)));

const answered = new Promise((resolve) => {
  session.on('generation_created', async ({ messageStream }) => {
    for await (const { audioStream, textStream } of messageStream) {
      await Promise.all([
        (async () => {
          for await (const frame of audioStream) out.audioMs += (1000 * frame.samplesPerChannel) / RATE;
        })(),
        (async () => {
          for await (const text of textStream) out.text += text;
        })(),
      ]);
    }
    resolve();
  });
});

await session.updateInstructions('You answer in one short sentence.');
const pcm = readFileSync(file);
const samples = new Int16Array(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.length));
for (let at = 0; at + FRAME <= samples.length; at += FRAME) {
  session.pushAudio(new AudioFrame(samples.slice(at, at + FRAME), RATE, 1, FRAME));
}
await answered;
process.stdout.write(`${JSON.stringify(out)}\n`);
await session.close();
process.exit(0);
