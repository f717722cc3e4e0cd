import { writeFileSync } from 'node:fs';

const RATE = 24_000;

/** What makes Chromium hear a file, over and over, instead of a microphone, and ask nobody for leave. */
export function microphoneFlags(file: string): string[] {
  return [
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    `--use-file-for-fake-audio-capture=${file}`,
    '--autoplay-policy=user-gesture-required',
  ];
}

/** A WAV file of a sentence as the project's own voice says it, and silence after it, seconds. */
export async function recordSentence(
  url: string,
  sentence: string,
  silence: number,
  file: string,
): Promise<void> {
  const response = await fetch(`${url}/v1/audio/speech`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tts-1', voice: 'alloy', input: sentence, response_format: 'pcm' }),
  });
  if (!response.ok) throw new Error(await response.text());
  const speech = Buffer.from(await response.arrayBuffer());
  writeFileSync(file, wav(Buffer.concat([speech, Buffer.alloc(2 * RATE * silence)])));
}

function wav(pcm: Buffer): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + pcm.length, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  // 16 bytes of format: PCM, mono, rate, bytes a second, bytes and bits of a sample.
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(2 * RATE, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(pcm.length, 40);
  return Buffer.concat([head, pcm]);
}
