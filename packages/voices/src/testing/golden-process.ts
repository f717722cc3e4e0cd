/**
 * What this package makes of the golden inputs, as one line of JSON. A process of its own, because jest's typed arrays
 * are not those that ONNX Runtime takes. Arguments: the voice's folder, the fixtures' folder.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Phonemizer, type VoiceQuality } from '@zen/speech';
import { Tensor } from 'onnxruntime-node';
import { readEnglishTables, readTable } from '../english-tables';
import { HeartVoice } from '../heart/heart-voice';
import type { Spectrum } from '../heart/spectrum';
import { Synthesis } from '../heart/synthesis';
import { openModel } from '../onnx';
import { openUnknownWords } from '../unknown-words';

export interface GoldenResult {
  phonemes: string[];
  /** Of the golden phonemes, without chance. */
  sound: number[];
  loudness: Record<VoiceQuality | 'nothing', { length: number; rms: number }>;
}

async function main(folder: string, fixtures: string): Promise<void> {
  const fixture = async (name: string) => JSON.parse(await readFile(join(fixtures, name), 'utf8'));
  const phonemizer = new Phonemizer(await readEnglishTables(folder), await openUnknownWords(folder));
  const phonemes: string[] = [];
  for (const [text] of await fixture('phonemes.json')) phonemes.push(await phonemizer.phonemes(text));
  const golden = await fixture('heart.json');
  const voice = await HeartVoice.open(folder);
  const result: GoldenResult = {
    phonemes,
    sound: await soundOf(golden.phonemes, folder),
    loudness: {
      full: await loudness(voice, golden.phonemes, 'full'),
      reduced: await loudness(voice, golden.phonemes, 'reduced'),
      nothing: await loudness(voice, '', 'full'),
    },
  };
  process.stdout.write(JSON.stringify(result));
}

async function soundOf(phonemes: string, folder: string): Promise<number[]> {
  const vocabulary = await readTable(folder, 'vocab.json');
  const ids = [0, ...[...phonemes].map((one) => vocabulary[one] as number), 0];
  const model = await openModel(join(folder, 'hibari.onnx'));
  const outputs = await model.run({
    ids: new Tensor('int64', BigInt64Array.from(ids.map(BigInt)), [1, ids.length]),
    speed: new Tensor('float32', [1], [1]),
  });
  const parts = Object.entries(outputs).map(([name, { data }]) => [name, data]);
  const spectrum = Object.fromEntries(parts) as unknown as Spectrum;
  const blocks = new Synthesis().blocks(spectrum, { every: 1, noise: true, normal: () => 0 });
  return [...blocks].flatMap((block) => [...block]);
}

async function loudness(voice: HeartVoice, phonemes: string, quality: VoiceQuality) {
  let [sum, length] = [0, 0];
  for await (const block of voice.say({ phonemes, speed: 1, quality, seed: 7n })) {
    sum += block.reduce((total, sample) => total + sample * sample, 0);
    length += block.length;
  }
  return { length, rms: Math.sqrt(sum / Math.max(1, length)) };
}

main(process.argv[2]!, process.argv[3]!).catch((error) => {
  console.error(error);
  process.exit(1);
});
