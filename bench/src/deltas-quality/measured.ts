import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCorpus } from '@zen/ladder';
import type { Tokenizer } from '@zen/tokenizer';
import { runLines, scriptFolder } from '@zen/training';
import type { Text } from './candidates';
import { textFile, type Workshop } from './trainings';

/** What measure.py says of a model; nats a token. */
export interface Measured {
  nll: number;
  generalNll: number;
  /** Share of the answers' tokens whose most likely one is the full fine-tune's. */
  top1: number;
}

/** Tokens of each general text that are measured. */
const GENERAL_TOKENS = 96;

/** Measures the full fine-tune, the base and then each of `files` on a text's held-out answers. */
export async function measure(
  shop: Workshop,
  tokenizer: Tokenizer,
  text: Text,
  tuned: string,
  files: string[],
): Promise<Measured[]> {
  const general = join(shop.folder, 'general.json');
  const pieces = (await readCorpus('evaluation'))
    .filter((piece) => 'text' in piece)
    .map((piece) => [...tokenizer.encode((piece as { text: string }).text).slice(0, GENERAL_TOKENS)]);
  await writeFile(general, JSON.stringify(pieces));
  const script = join(scriptFolder('finetune'), 'measure.py');
  const lines: string[] = [];
  const argv = [script, shop.source, textFile(text, 'held-out'), general, tuned, ...files];
  await runLines(
    shop.python,
    argv,
    (line) => {
      lines.push(line);
      shop.progress(line.slice(0, 200));
    },
    shop.signal,
  );
  const [chats, ...found] = lines.map((line) => JSON.parse(line)) as [[number[], number][], ...Measured[]];
  await checkTokens(tokenizer, text, chats);
  return found;
}

/** The scripts' tokenizer must be ours, or what was trained is not what will be asked. */
async function checkTokens(tokenizer: Tokenizer, text: Text, chats: [number[], number][]): Promise<void> {
  const rows = (await readFile(textFile(text, 'held-out'), 'utf8')).trim().split('\n');
  for (const [index, row] of rows.entries()) {
    const { prompt, answer } = JSON.parse(row) as { prompt: string; answer: string };
    const given = tokenizer.renderChat([{ role: 'user', content: prompt }]);
    const whole = tokenizer.renderChat(
      [
        { role: 'user', content: prompt },
        { role: 'assistant', content: answer },
      ],
      { addGenerationPrompt: false },
    );
    const [tokens, at] = chats[index] ?? [[], 0];
    const same = at === given.length && tokens.every((token, i) => whole[i] === token);
    if (!same) throw new Error(`${text}: held-out chat ${index} has other tokens in Python than here`);
  }
}
