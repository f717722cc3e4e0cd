export const PARTS = [
  'paced',
  'conversations',
  'whole',
  'hundredth',
  'bargein',
  'roundtrip',
  'soak',
] as const;
export type Part = (typeof PARTS)[number];

export interface SpeechOptions {
  parts: Set<Part>;
  /** Fewer rounds of everything. */
  quick: boolean;
  /** Of a soak. */
  sessions: number;
  soakSeconds: number;
  /** Sentences that did not come back as they were. */
  verbose: boolean;
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3600 };

/** `--soak TIME` runs nothing else; without `--only` everything but that runs. */
export function readOptions(argv: readonly string[]): SpeechOptions {
  const given = (name: string): string | undefined => {
    const at = argv.indexOf(name);
    if (at < 0) return undefined;
    const value = argv[at + 1];
    if (value === undefined) throw new Error(`${name} needs a value`);
    return value;
  };
  const known = ['--only', '--quick', '--soak', '--sessions', '--verbose'];
  const strange = argv.find((word) => word.startsWith('--') && !known.includes(word));
  if (strange !== undefined) throw new Error(`${strange} is not one of ${known.join(', ')}`);
  const time = given('--soak');
  const only = given('--only');
  const sessions = Number(given('--sessions') ?? 8);
  if (!Number.isInteger(sessions) || sessions < 1 || sessions > 64)
    throw new Error('--sessions must be 1 to 64');
  return {
    parts: new Set(time === undefined ? partsOf(only) : (['soak'] as const)),
    quick: argv.includes('--quick'),
    sessions,
    soakSeconds: time === undefined ? 60 : secondsOf(time),
    verbose: argv.includes('--verbose'),
  };
}

function partsOf(only: string | undefined): Part[] {
  if (only === undefined) return PARTS.filter((part) => part !== 'soak');
  return only.split(',').map((name) => {
    const part = PARTS.find((one) => one === name);
    if (part === undefined) throw new Error(`--only must be among ${PARTS.join(', ')}`);
    return part;
  });
}

function secondsOf(time: string): number {
  const [, number, unit] = /^(\d{1,5})([smh])$/.exec(time) ?? [];
  if (unit === undefined) throw new Error('--soak must be a time such as 90s, 10m or 1h');
  return Number(number) * (UNITS[unit] as number);
}
