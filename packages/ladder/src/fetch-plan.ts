import { CHUNK_BYTES, type LadderConfig, sectionsOf } from './ladder-config';

/**
 * - `aggressive` everything as fast as the link gives it
 * - `balanced` what is wanted as fast as the link gives it, the rest with one request at a time
 * - `conservative` few requests; what nobody wants is not fetched
 */
export const FETCH_STRATEGIES = ['aggressive', 'balanced', 'conservative'] as const;
export type FetchStrategy = (typeof FETCH_STRATEGIES)[number];

/**
 * - `serve` nothing can be answered without it
 * - `climb` it is wanted and makes answers better
 * - `spare` nobody wants it at the moment, or it measures no better than the stages below
 */
export type FetchUrgency = 'serve' | 'climb' | 'spare';

/** One chunk of a stage's blob. */
export interface FetchChunk {
  stage: number;
  /** Index in the stage's list of chunk hashes. */
  chunk: number;
  offset: number;
  bytes: number;
}

/** A stage as the plan sees it; stages come in the order in which they are fetched. */
export interface PlannedStage {
  stage: number;
  urgency: FetchUrgency;
  /** Agreement with the source (top-1, weighted by use) that one byte buys; see `gainsPerByte`. */
  gainPerByte: number;
  /** In the order in which a pass through the model needs them. */
  chunks: FetchChunk[];
}

type Planned = Pick<LadderConfig, 'stages' | 'minServable' | 'tensors' | 'model'>;

/**
 * What to fetch first. A stage builds on all below it, so one ladder's stages come in their own order; measured
 * quality per byte and use decide how much a stage is worth, and so whether it may crowd the link. `use` is the
 * share of requests that want at least stage k, at index k.
 */
export function planFetch(config: Planned, use: readonly number[]): PlannedStage[] {
  const gains = gainsPerByte(config, use);
  return config.stages.map(({ stage }) => ({
    stage,
    urgency: stage <= config.minServable ? 'serve' : gains[stage]! > 0 ? 'climb' : 'spare',
    gainPerByte: gains[stage]!,
    chunks: chunkOrder(config, stage),
  }));
}

/**
 * The slope at each stage of the smallest concave curve over (bytes, quality) of all stages: what a byte of that
 * stage buys when one looks ahead, so that a stage without a gain of its own counts when it leads to one. Where a
 * stage was not measured, every stage counts as one equal step.
 */
export function gainsPerByte(
  { stages }: Pick<LadderConfig, 'stages'>,
  use: readonly number[],
): readonly number[] {
  const measured = stages.every(({ quality }) => quality !== null);
  const points = [{ bytes: 0, quality: 0 }];
  for (const [index, { bytes, quality }] of stages.entries()) {
    const below = points[index]!;
    const step = measured ? quality!.top1 - (stages[index - 1]?.quality?.top1 ?? 0) : 1 / stages.length;
    points.push({ bytes: below.bytes + bytes, quality: below.quality + step * (use[index] ?? 1) });
  }
  const gains: number[] = [];
  for (let from = 0; from < stages.length; ) {
    let best = from + 1;
    for (let to = from + 2; to < points.length; to++) {
      if (slope(points[from]!, points[to]!) >= slope(points[from]!, points[best]!)) best = to;
    }
    const gain = slope(points[from]!, points[best]!);
    while (from < best) {
      gains.push(gain);
      from += 1;
    }
  }
  return gains;
}

/** A stage without bytes costs nothing: it is worth any gain, and nothing without one. */
function slope(a: { bytes: number; quality: number }, b: { bytes: number; quality: number }): number {
  const gain = b.quality - a.quality;
  return gain === 0 ? 0 : gain / Math.max(1, b.bytes - a.bytes);
}

/** The stage's chunks by the first layer that reads them: embeddings, blocks, output. */
export function chunkOrder(config: Planned, stage: number): FetchChunk[] {
  const { bytes } = config.stages[stage]!;
  const first = new Array<number>(Math.ceil(bytes / CHUNK_BYTES)).fill(Number.POSITIVE_INFINITY);
  for (const { name, rungs } of config.tensors) {
    const layer = layerOf(name, config.model.layers);
    for (const section of rungs.flatMap(sectionsOf)) {
      if (section.stage !== stage || section.bytes === 0) continue;
      const last = Math.floor((section.offset + section.bytes - 1) / CHUNK_BYTES);
      for (let chunk = Math.floor(section.offset / CHUNK_BYTES); chunk <= last; chunk++) {
        first[chunk] = Math.min(first[chunk]!, layer);
      }
    }
  }
  return first
    .map((layer, chunk) => ({ layer, chunk }))
    .sort((a, b) => (a.layer === b.layer ? a.chunk - b.chunk : a.layer - b.layer))
    .map(({ chunk }) => ({
      stage,
      chunk,
      offset: chunk * CHUNK_BYTES,
      bytes: Math.min(CHUNK_BYTES, bytes - chunk * CHUNK_BYTES),
    }));
}

/** Position of a tensor in a pass through the model. */
function layerOf(name: string, layers: number): number {
  const block = /^blk\.(\d+)\./.exec(name)?.[1];
  if (block !== undefined) return Number(block);
  return name === 'token_embd.weight' ? -1 : layers;
}

/** Most requests in flight for a stage of this urgency; 0 means that it waits until somebody wants it. */
export function mostRequests(strategy: FetchStrategy, urgency: FetchUrgency): number {
  const limits: Record<FetchStrategy, Record<FetchUrgency, number>> = {
    aggressive: { serve: 8, climb: 8, spare: 8 },
    balanced: { serve: 8, climb: 8, spare: 1 },
    conservative: { serve: 2, climb: 1, spare: 0 },
  };
  return limits[strategy][urgency];
}
