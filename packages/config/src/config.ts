import type { z } from 'zod';

/** One value of the environment. */
export interface Setting<T> {
  /** The variable's name, e.g. `ZEN_LISTEN`. */
  env: string;
  type: z.ZodType<T>;
  help: string;
  /** Shown in `--help`; the default itself lives in `type`. */
  default?: string;
}

export type Settings = Record<string, Setting<unknown>>;
export type ConfigOf<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** A value of the environment that cannot be used. The message names every bad variable, never its value. */
export class ConfigError extends Error {
  override name = 'ConfigError';
}

/** Reads every setting at once into a frozen object; throws one ConfigError that names all bad ones. */
export function readConfig<S extends Settings>(
  settings: S,
  env: Readonly<Record<string, string | undefined>>,
): ConfigOf<S> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, { env: name, type }] of Object.entries(settings)) {
    const raw = env[name];
    const parsed = type.safeParse(raw === '' ? undefined : raw);
    if (parsed.success) values[key] = parsed.data;
    else problems.push(`${name}: ${parsed.error.issues.map((issue) => issue.message).join(', ')}`);
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return Object.freeze(values) as ConfigOf<S>;
}

/** The settings as lines for `--help`. */
export function configHelp(settings: Settings): string {
  const width = Math.max(...Object.values(settings).map(({ env }) => env.length));
  return Object.values(settings)
    .map(({ env, help, default: fallback }) => {
      return `  ${env.padEnd(width)}  ${help}${fallback === undefined ? '' : ` (default ${fallback})`}`;
    })
    .join('\n');
}
