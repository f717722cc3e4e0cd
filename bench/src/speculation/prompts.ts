import { type CorpusPart, type CorpusText, readCorpus } from '@zen/ladder';

export interface BenchPrompt {
  kind: 'code edit' | 'free chat';
  text: string;
}

/** A piece of the corpus' code, from one line to another, and what is to be changed in it. */
const EDITS: { part: CorpusPart; from: string; to: string; edit: string }[] = [
  {
    part: 'evaluation',
    from: 'def bisect_right(',
    to: 'def insort_left(',
    edit: 'Rename the parameter `x` to `value` everywhere.',
  },
  {
    part: 'evaluation',
    from: 'def recursive_repr(',
    to: 'class Repr',
    edit: 'Rename `repr_running` to `active` everywhere.',
  },
  {
    part: 'calibration',
    from: 'def heappop(heap)',
    to: 'def heapify(',
    edit: 'Add type hints to the parameters of every function.',
  },
];

const CHATS = 6;

/** Edits of real code, whose answers repeat most of the prompt, and questions, whose answers do not. */
export async function benchPrompts(): Promise<BenchPrompt[]> {
  const parts = { evaluation: await readCorpus('evaluation'), calibration: await readCorpus('calibration') };
  const edits = EDITS.map(({ part, from, to, edit }): BenchPrompt => {
    const code = textOf(parts[part], 'code.txt');
    const piece = code.slice(code.indexOf(from), code.indexOf(to)).trim();
    const text = `${edit} Answer with the whole changed code and nothing else.\n\n\`\`\`python\n${piece}\n\`\`\``;
    return { kind: 'code edit', text };
  });
  const seen = new Set<string>();
  const chats = parts.evaluation.filter(
    (one): one is Extract<CorpusText, { prompt: string }> => 'prompt' in one,
  );
  const chosen = chats.filter(({ kind }) => seen.size < CHATS && !seen.has(kind) && seen.add(kind));
  return [...edits, ...chosen.map(({ prompt }): BenchPrompt => ({ kind: 'free chat', text: prompt }))];
}

function textOf(texts: CorpusText[], name: string): string {
  const found = texts.find(({ kind }) => kind === name);
  if (found === undefined || !('text' in found)) throw new Error(`corpus: no ${name}`);
  return found.text;
}
