import { bytes } from '@zen/config';
import { InvalidArgumentError } from 'commander';

const size = bytes(0);

/** "80GB", "64GiB", "1TB": whole bytes. */
export function sizeText(text: string): number {
  const parsed = size.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(parsed.error.issues[0]!.message);
  return parsed.data;
}
