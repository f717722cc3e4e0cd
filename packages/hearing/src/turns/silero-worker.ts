// Runs in a thread of its own: ONNX Runtime holds the thread that asks it, and a start of speech waits for nobody.
import { parentPort, workerData } from 'node:worker_threads';
import type { FromSilero, SileroStart, ToSilero } from './silero-messages';
import { SileroModel, type SileroState } from './silero-model';

const port = parentPort!;
const states = new Map<number, SileroState>();
const send = (message: FromSilero) => port.postMessage(message);

const opened = SileroModel.open((workerData as SileroStart).path).then((model) => {
  send({ kind: 'ready' });
  return model;
});

port.on('message', (message: ToSilero) => {
  if (message.kind === 'forget') states.delete(message.stream);
  else void hear(message);
});

async function hear({ id, stream, samples }: Extract<ToSilero, { kind: 'hear' }>): Promise<void> {
  try {
    const model = await opened;
    let state = states.get(stream);
    if (!state) {
      state = model.state();
      states.set(stream, state);
    }
    send({ kind: 'heard', id, probabilities: await state.push(samples) });
  } catch (error) {
    send({ kind: 'failed', id, message: error instanceof Error ? error.message : String(error) });
  }
}
