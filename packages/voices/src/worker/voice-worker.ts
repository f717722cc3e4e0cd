import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { Phonemizer, SpeechError } from '@zen/speech';
import { readEnglishTables } from '../english-tables';
import { HeartVoice } from '../heart/heart-voice';
import { JoeVoice } from '../joe/joe-voice';
import { openUnknownWords } from '../unknown-words';
import type { VoiceModel } from '../voice-model';
import type { SayRequest, WorkerMessage, WorkerStart } from './messages';
import { spokenClause } from './spoken-clause';

/** The thread on which voices compute: ONNX Runtime would hold up the one that asks. */
const OPEN: Readonly<Record<string, (folder: string) => Promise<VoiceModel>>> = {
  heart: (folder) => HeartVoice.open(folder),
  joe: (folder) => JoeVoice.open(folder),
};

const send = (message: WorkerMessage, transfer: ArrayBuffer[] = []) =>
  parentPort!.postMessage(message, transfer);

async function main({ home, voices }: WorkerStart): Promise<void> {
  const folder = (name: string) => join(home, 'speech', name);
  const phonemizer = new Phonemizer(
    await readEnglishTables(folder('heart')),
    await openUnknownWords(folder('heart')),
  );
  const models = new Map<string, VoiceModel>();
  for (const name of voices) models.set(name, await OPEN[name]!(folder(name)));
  parentPort!.on('message', (request: SayRequest) => {
    say(request, phonemizer, models.get(request.voice)!).catch(fail);
  });
  send({ type: 'ready' });
}

async function say(request: SayRequest, phonemizer: Phonemizer, voice: VoiceModel): Promise<void> {
  const stop = new Int32Array(request.stop);
  let since = performance.now();
  for await (const { samples, isLast, share } of spokenClause(request, phonemizer, voice)) {
    if (Atomics.load(stop, 0) !== 0) break;
    const computeUs = Math.round((performance.now() - since) * 1000);
    send({ type: 'part', samples, computeUs, isLast, share }, [samples.buffer as ArrayBuffer]);
    since = performance.now();
  }
  send({ type: 'done' });
}

function fail(error: unknown): void {
  const failure = error instanceof SpeechError ? error.failure : 'broken';
  send({ type: 'failed', failure, message: error instanceof Error ? error.message : String(error) });
}

main(workerData as WorkerStart).catch(fail);
