import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { smallTokenizer } from './tiny-model';

export const GOLDEN_MIXTURES = ['mixtral', 'qwen2-moe', 'qwen3-moe'] as const;
export type GoldenMixture = (typeof GOLDEN_MIXTURES)[number];

/** A tiny mixture and what the reference implementation answers; see `fixtures/make_mixtures.py`. */
export interface Golden {
  /** A folder in the Hugging Face format, with a small tokenizer. */
  folder: string;
  tokens: Int32Array;
  /** [tokens][vocabSize]. */
  logits: Float32Array;
  remove(): void;
}

export function goldenMixture(name: GoldenMixture): Golden {
  const from = join(__dirname, '../../fixtures/mixtures', name);
  const golden = JSON.parse(readFileSync(join(from, 'golden.json'), 'utf8')) as {
    tokens: number[];
    logits: string;
  };
  const folder = mkdtempSync(join(tmpdir(), `zen-${name}-`));
  for (const file of ['config.json', 'model.safetensors']) copyFileSync(join(from, file), join(folder, file));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(smallTokenizer()));
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify({ eos_token: '<|im_end|>' }));
  const bytes = Buffer.from(golden.logits, 'base64');
  return {
    folder,
    tokens: Int32Array.from(golden.tokens),
    logits: new Float32Array(Uint8Array.from(bytes).buffer),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
