/** A family that the benchmarks know, best member first. */
export interface BenchFamily {
  name: string;
  models: readonly [string, string];
}

const FAMILIES: BenchFamily[] = [
  { name: 'zen-coder', models: ['qwen2.5-coder-1.5b-instruct', 'qwen2.5-coder-0.5b-instruct'] },
];

/** `--family NAME`, else the only one. */
export function familyOf(argv: string[]): BenchFamily {
  const at = argv.indexOf('--family');
  const found = at < 0 ? FAMILIES[0] : FAMILIES.find(({ name }) => name === argv[at + 1]);
  if (!found) throw new Error(`--family must be one of ${FAMILIES.map(({ name }) => name).join(', ')}`);
  return found;
}
