import { invalid } from '../store-error';

const DEFAULT_SIZE = 100;
const MAX_SIZE = 1000;

export function pageSize(asked: number): number {
  if (asked > MAX_SIZE)
    throw invalid('page_size', `${asked}, must be 1 to ${MAX_SIZE}, or 0 for ${DEFAULT_SIZE}`);
  return asked === 0 ? DEFAULT_SIZE : asked;
}

/** A generation in a page token; '' is above all. */
export function generationToken(token: string): number {
  if (token === '') return Number.POSITIVE_INFINITY;
  if (!/^\d{1,12}$/.test(token)) throw invalid('page_token', 'not one that this service has given');
  return Number(token);
}
