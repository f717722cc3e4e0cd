import { isAlias, isDigest, RECIPES } from '@zen/deltas';
import { z } from 'zod';
import { NO_DELTA } from '../delta-name';

const MAX_PAGE = 1000;
const MAX_TOKEN = 1024;
const MAX_ADAPTER_CONFIG = 8192;
const MAX_RANK = 64;

const count = (max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'expected a whole number')
    .transform(Number)
    .pipe(z.number().min(0).max(max));
const generation = z.int().min(0);

export const digestText = z.string().refine(isDigest, 'expected sha256: and 64 lower-case hex digits');

/** The end of an address that asks for an alias's generations, so no alias may end so. */
export const HISTORY = '/history';

export const aliasName = z
  .string()
  .refine(
    isAlias,
    'expected 1 to 128 of a-z, 0-9, dot, dash, underscore and slash, the first a letter or digit',
  );

export const newAliasName = aliasName
  .refine((name) => name !== NO_DELTA, `"${NO_DELTA}" asks for the base, so no alias may be called so`)
  .refine((name) => !name.endsWith(HISTORY), `no alias may end with "${HISTORY}"`);

/** `?limit=1..1000&after=TOKEN`. */
export const pageQuery = z.object({
  limit: count(MAX_PAGE).pipe(z.number().min(1)).optional(),
  after: z.string().max(MAX_TOKEN).optional(),
});

export const aliasesQuery = pageQuery.extend({ prefix: z.string().max(128).optional() });

export const aliasDeletion = z.object({ expected_generation: count(Number.MAX_SAFE_INTEGER) });

export const aliasMove = z.object({ digest: digestText, expected_generation: generation });

export const erasure = z.object({ confirm_tenant: z.string().min(1).max(64) });

export const buildId = z
  .string()
  .regex(/^[\w.:-]{1,128}$/, 'expected 1 to 128 letters, digits, dots, colons, dashes');

export const buildQuery = z.object({
  base: z.string().min(1).max(128),
  recipe: z.enum(RECIPES),
  rank: count(MAX_RANK).optional(),
  adapter_config: z.string().max(MAX_ADAPTER_CONFIG).optional(),
  alias: newAliasName.optional(),
});
