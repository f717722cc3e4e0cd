import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Splitter, splitDigits, splitGpt2, splitLlama3 } from './split-text';

const GOLDEN: Record<string, [string, string[]][]> = JSON.parse(
  readFileSync(join(__dirname, '../fixtures/splits.json'), 'utf8'),
);

const SPLITTERS: Record<string, Splitter[]> = {
  gpt2: [splitGpt2],
  smollm: [splitDigits, splitGpt2],
  qwen2: [splitLlama3(1)],
  llama3: [splitLlama3(3)],
};

function pieces(text: string, [first, ...rest]: Splitter[]): string[] {
  const found: string[] = [];
  // Inside a longer text, to see that nothing outside the range counts.
  first!(`x${text}7`, 1, text.length + 1, (start, end) => found.push(`x${text}7`.slice(start, end)));
  return rest.length === 0 ? found : found.flatMap((piece) => pieces(piece, rest));
}

describe.each(Object.keys(SPLITTERS))('the splitter of %s', (name) => {
  it.each(GOLDEN[name]!)('cuts %j as the reference does', (text, expected) => {
    expect(pieces(text, SPLITTERS[name]!)).toEqual(expected);
  });
});
