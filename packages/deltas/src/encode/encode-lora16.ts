import { toBfloat } from '../float16';
import type { LowRank } from './low-rank';

/** Factors in bfloat16. */
export function encodeLora16({ a, b }: Pick<LowRank, 'a' | 'b'>): { a: Uint16Array; b: Uint16Array } {
  return { a: Uint16Array.from(a, toBfloat), b: Uint16Array.from(b, toBfloat) };
}
