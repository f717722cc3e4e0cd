import { join } from 'node:path';
import { SpeechError, type UnknownWord } from '@zen/speech';
import { Tensor } from 'onnxruntime-node';
import { readTable } from './english-tables';
import { openModel } from './onnx';

/** Words remembered: names come back in a conversation. */
const REMEMBERED = 4_096;

/** The network that reads words no lexicon has, letter by letter. */
export async function openUnknownWords(folder: string): Promise<UnknownWord> {
  const { in: letters, out: phonemes, maxlen } = await readTable(folder, 'oov.json');
  if (!Array.isArray(letters) || !Array.isArray(phonemes) || typeof maxlen !== 'number') {
    throw new SpeechError('bad-model', `${folder}: oov.json needs in, out and maxlen`);
  }
  const model = await openModel(join(folder, 'oov.onnx'));
  const ids = new Map((letters as string[]).map((letter, at) => [letter, BigInt(at + 1)]));
  const known = new Map<string, string | null>();
  return async (word) => {
    const remembered = known.get(word);
    if (remembered !== undefined) return remembered;
    const chars = [...word].map((letter) => ids.get(letter)).filter((id) => id !== undefined);
    let read: string | null = null;
    if (chars.length > 0) {
      const row = BigInt64Array.from(chars.slice(0, maxlen));
      const outputs = await model.run({ chars: new Tensor('int64', row, [1, row.length]) });
      read = collapsed(outputs[model.outputNames[0]!]!.data as BigInt64Array, phonemes as string[]);
    }
    if (known.size >= REMEMBERED) known.clear();
    known.set(word, read);
    return read;
  };
}

/** Slots to phonemes: a repeated one counts once, 0 is none. */
function collapsed(slots: BigInt64Array | Int32Array, phonemes: readonly string[]): string {
  let text = '';
  let before = 0;
  for (const slot of slots) {
    const id = Number(slot);
    if (id !== before && id !== 0) text += phonemes[id - 1] ?? '';
    before = id;
  }
  return text;
}
