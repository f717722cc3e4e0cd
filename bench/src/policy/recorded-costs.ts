import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What one stage of a real thinker costs, and how good it is. */
export interface RecordedStage {
  stage: number;
  servable: boolean;
  /** Measured by the pack tool against the model's own source; null where nobody did. */
  top1: number | null;
  jsonValid: number | null;
  /** Microseconds of one decode step with this many sequences. */
  decodeUs: { sequences: number; us: number }[];
  prefillUsPerToken: number;
}

export interface RecordedModel {
  model: string;
  stages: RecordedStage[];
}

/** Recorded from real thinkers by `npm run bench -- costs`. */
export interface RecordedCosts {
  command: string;
  commit: string;
  machine: { cpu: string; cores: number; loadAtStart: number };
  /** How many times as long a step takes while the other member computes on the same cores. */
  contention: number;
  /** Best member first. */
  models: RecordedModel[];
}

export const RESULTS = join(__dirname, '..', '..', 'results');

export function costsFile(family: string): string {
  return join(RESULTS, `costs-${family}.json`);
}

/** Null while nobody has recorded the family. */
export function readCosts(family: string): RecordedCosts | null {
  const file = costsFile(family);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RecordedCosts) : null;
}

/** Microseconds of a step that decodes `sequences` and computes `promptTokens`: straight lines between the records. */
export function stepUs(stage: RecordedStage, sequences: number, promptTokens: number): number {
  return decodeUs(stage, sequences) + promptTokens * stage.prefillUsPerToken;
}

function decodeUs({ decodeUs }: RecordedStage, sequences: number): number {
  if (sequences === 0) return 0;
  const after = Math.max(
    1,
    decodeUs.findIndex((one) => one.sequences >= sequences),
  );
  const at = decodeUs.at(-1)!.sequences < sequences ? decodeUs.length - 1 : after;
  const [low, high] = [decodeUs[at - 1]!, decodeUs[at]!];
  const share = (sequences - low.sequences) / (high.sequences - low.sequences);
  return Math.max(0, low.us + share * (high.us - low.us));
}
