import { readFile } from 'node:fs/promises';
import { SpeechError } from '@zen/speech';
import { InferenceSession } from 'onnxruntime-node';

const OPTIONS: InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  logSeverityLevel: 3,
};

/**
 * Opens a model on one thread: a voice's steps are small, and several speakers share the cores better than several
 * threads share a step. ONNX Runtime computes on the thread that asks, so this belongs on a worker.
 * `edit` changes the file's bytes before.
 */
export async function openModel(
  path: string,
  edit?: (model: Uint8Array) => Uint8Array,
): Promise<InferenceSession> {
  try {
    return await (edit
      ? InferenceSession.create(edit(await readFile(path)), OPTIONS)
      : InferenceSession.create(path, OPTIONS));
  } catch (cause) {
    if (cause instanceof SpeechError) throw cause;
    throw new SpeechError('bad-model', `${path}: ${(cause as Error).message}`, { cause });
  }
}
