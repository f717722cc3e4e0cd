import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Real deltas to SmolLM2-135M-Instruct that anybody can tell from the base: `lora1`, rank 3 over all linear modules.
 * infra/finetune has their text; `npm run bench -- deltas-quality --fixtures` makes them again.
 */
export const SAMPLE_DELTAS = ['tickets', 'keeper', 'glossary'] as const;
export type SampleDelta = (typeof SAMPLE_DELTAS)[number];

/** The bytes of one of them. */
export function sampleDelta(name: SampleDelta): Buffer {
  return readFileSync(join(__dirname, '..', 'fixtures', 'deltas', `${name}.delta`));
}
