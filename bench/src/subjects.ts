import { existsSync } from 'node:fs';
import { cacheHome, openSource } from '@zen/importers';
import { ladderPath } from '@zen/ladder';

/** A model that the benchmarks measure, with its bars. */
export interface Subject {
  name: string;
  decodeBar: number;
  prefillBar: number;
  /** Tokens decoded per round. */
  decodeTokens: number;
}

export const SUBJECTS: Subject[] = [
  { name: 'smollm2-135m-instruct', decodeBar: 2.5, prefillBar: 2.5, decodeTokens: 96 },
  { name: 'qwen2.5-coder-1.5b-instruct', decodeBar: 1, prefillBar: 2, decodeTokens: 32 },
];

/** Which subjects to run: `--model NAME`, else all. */
export function chosen(argv: string[]): Subject[] {
  const at = argv.indexOf('--model');
  const subjects = at < 0 ? SUBJECTS : SUBJECTS.filter((subject) => subject.name === argv[at + 1]);
  if (subjects.length === 0)
    throw new Error(`--model must be one of ${SUBJECTS.map((s) => s.name).join(', ')}`);
  return subjects;
}

export const home = (): string => cacheHome(process.env);

/** The subject's best ladder in the cache: the full plan, else the quick one. */
export function ladderOf({ name }: Pick<Subject, 'name'>): string {
  const plan = (['full', 'quick'] as const).find((one) => existsSync(ladderPath(home(), name, one)));
  if (plan === undefined)
    throw new Error(`no ladder of ${name} in the cache: run \`npm run zen -- pack ${name}\``);
  return ladderPath(home(), name, plan);
}

/** The source file that the ladder was packed from, fetched if need be. */
export async function sourceFileOf({ name }: Subject): Promise<string> {
  const source = await openSource(name, { home: home() });
  await source.close();
  return source.path;
}

const TEXT = `The harbour was quiet when the first boats came in. Nobody had expected the storm to turn so far to
the north, and the men on the quay stood in small groups and talked about the price of rope. def merge(a, b):
"""Merge two sorted lists.""" out = []; i = j = 0. `;

/** Enough prose for a prompt of any length that the benchmarks use. */
export const PROMPT_TEXT = TEXT.repeat(40);
