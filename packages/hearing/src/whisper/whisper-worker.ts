// Runs in a thread of its own: ONNX Runtime holds the thread that asks it while it computes.
import { parentPort, workerData } from 'node:worker_threads';
import { HearingError } from '../hearing-error';
import { transcribeWindow } from './transcribe-window';
import { WhisperModel } from './whisper-model';
import type { FromWorker, ToWorker, WorkerStart } from './worker-messages';

const port = parentPort!;
const { folder, threads } = workerData as WorkerStart;
const cancelled = new Set<number>();
const send = (message: FromWorker) => port.postMessage(message);

// One window at a time: whoever sends them decides about their order. A cancel comes through between two steps.
const opened = WhisperModel.open(folder, threads).then(async (model) => {
  await model.encode(new Float32Array(0));
  send({ kind: 'ready', languages: [...model.tokens.languages.keys()] });
  return model;
});

port.on('message', (message: ToWorker) => {
  if (message.kind === 'cancel') cancelled.add(message.id);
  else void transcribe(message);
});

async function transcribe({ id, request }: Extract<ToWorker, { kind: 'transcribe' }>): Promise<void> {
  try {
    const transcript = await transcribeWindow(await opened, request, () => cancelled.has(id));
    send({ kind: 'done', id, transcript });
  } catch (error) {
    const failure = error instanceof HearingError ? error.failure : 'broken';
    send({ kind: 'failed', id, failure, message: error instanceof Error ? error.message : String(error) });
  } finally {
    cancelled.delete(id);
  }
}
