import type { OpenLadder } from '@zen/ladder';
import type { LadderEngine } from '../ladder-engine';
import { median, type Row } from '../report';
import { PROMPT_TEXT } from '../subjects';

const MEGABITS = [20, 100, 1000];
const DECODED = 48;
const ROUNDS = 3;

/** Bytes of manifest and config: what comes before every stage. */
export function metadataBytes({ manifest }: OpenLadder): number {
  const chunks = manifest.layers.reduce((sum, { chunks }) => sum + 65 * chunks.length, 0);
  // The manifest is its chunks' hashes and about 2,000 bytes more.
  return manifest.config.bytes + chunks + 2000;
}

/** Each stage: what has to arrive for it and how long that takes, how good it is, how fast it answers. */
export async function stageRows(ladder: OpenLadder, engine: LadderEngine): Promise<Row[]> {
  const { config } = ladder;
  const prompt = Int32Array.from(engine.tokenizer.encode(PROMPT_TEXT).slice(0, 32));
  let bytes = metadataBytes(ladder);
  const rows: Row[] = [];
  for (const stage of config.stages) {
    bytes += stage.bytes;
    const perToken: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { decodeMs, produced } = await engine.generate(stage.stage, prompt, DECODED);
      perToken.push(decodeMs / produced);
    }
    rows.push({
      model: config.name,
      stage: stage.stage,
      'MB so far': bytes / 1e6,
      ...Object.fromEntries(MEGABITS.map((rate) => [`s at ${rate} Mbit/s`, (bytes * 8) / (rate * 1e6)])),
      top1: stage.quality?.top1 ?? null,
      KL: stage.quality?.klMean ?? null,
      perplexity: stage.quality?.perplexityRatio ?? null,
      'tokens/s': 1000 / median(perToken),
      servable: stage.stage >= config.minServable ? 'yes' : 'no',
    });
  }
  return rows;
}

/** The rows as the README has them. */
export function markdown(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const text = (value: Row[string] | undefined) =>
    typeof value === 'number' ? String(Number(value.toPrecision(3))) : (value ?? '-');
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const body = rows.map((row) => line(columns.map((column) => text(row[column]))));
  return [line(columns), line(columns.map(() => '---')), ...body].join('\n');
}
