import { z } from 'zod';
import { validate } from '../../openai/parse-body';

/** One checked value from an address; errors call it `name`. */
export function named<T>(type: z.ZodType<T>, name: string, value: unknown): T {
  return validate(z.object({ [name]: type }), { [name]: value })[name] as T;
}
