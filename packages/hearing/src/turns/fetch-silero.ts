import { join } from 'node:path';
import type { FetchModelOptions, ModelWheel } from '../model-sources';

/** Silero VAD 6.2 (MIT), the variant for 16 kHz that takes several steps at once. */
const WHEEL: ModelWheel = {
  package: 'silero-vad',
  version: '6.2.3',
  files: [
    {
      path: 'silero_vad/data/silero_vad_16k_sequence.onnx',
      name: 'silero.onnx',
      bytes: 1_246_165,
      sha256: '9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85',
    },
  ],
};

/** Makes Silero's graph be in `home`/speech/silero, verified, and returns its path. @throws what `bring` throws */
export async function fetchSilero(
  home: string,
  { bring, signal, progress }: FetchModelOptions,
): Promise<string> {
  return join(await bring(home, 'silero', WHEEL, { signal, progress }), 'silero.onnx');
}
