import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDecoder } from '@zen/audio';

const FOLDER = join(__dirname, '../fixtures');

/** A recorded clip at 16 kHz. */
export function clip(name: string): Float32Array {
  const decoder = openDecoder({ kind: 'container' }, 16_000, { maxSeconds: 60 });
  const bytes = readFileSync(join(FOLDER, `${name}.ogg`));
  const samples = [...decoder.push(bytes), ...decoder.end()].flatMap((piece) => [...piece]);
  decoder.close();
  return Float32Array.from(samples);
}

interface Golden {
  clips: Record<
    string,
    {
      text: string;
      logprob: number;
      noSpeech: number;
      language: string;
      words: [text: string, startMs: number, endMs: number][];
    }
  >;
  mel: { clip: string; frames: number[]; bins: number[][] };
}

/** What the reference says; fixtures/make_golden.py made it. */
export function golden(): Golden {
  return JSON.parse(readFileSync(join(FOLDER, 'golden.json'), 'utf8')) as Golden;
}
