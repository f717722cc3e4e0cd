import { SpeechError } from '@zen/speech';
import { InferenceSession } from 'onnxruntime-node';

/**
 * Opens a model on one thread: a voice's steps are small, and several speakers share the cores better than several
 * threads share a step. ONNX Runtime computes on the thread that asks, so this belongs on a worker.
 */
export async function openModel(path: string, threads = 1): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(path, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
    });
  } catch (cause) {
    throw new SpeechError('bad-model', `${path}: ${(cause as Error).message}`, { cause });
  }
}
