import { AudioEncoding, ListenStart, type TranscriberServiceDefinition } from '@zen/contracts';
import type { RpcClient } from '@zen/rpc';

const PORTION_BYTES = 65_536;

/** What is understood of 16 kHz samples. */
export function listenTo(
  ears: RpcClient<typeof TranscriberServiceDefinition>,
  samples: Int16Array,
): Promise<string> {
  const texts: string[] = [];
  return new Promise((resolve, reject) => {
    const call = ears.listen({
      message({ event }) {
        if (event?.$case === 'transcript' && event.value.final) texts.push(event.value.text);
      },
      ended: (error) => (error ? reject(error) : resolve(texts.join(' '))),
    });
    const format = { encoding: AudioEncoding.AUDIO_ENCODING_PCM_S16LE, sampleRate: 16_000, channels: 1 };
    const start = ListenStart.fromPartial({ format, language: 'en' });
    call.send({ message: { $case: 'start', value: start } });
    const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
    for (let at = 0; at < bytes.length; at += PORTION_BYTES) {
      call.send({ message: { $case: 'audio', value: bytes.subarray(at, at + PORTION_BYTES) } });
    }
    call.end();
  });
}
