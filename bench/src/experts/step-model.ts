/** A straight line over some features, found by least squares. */
export type Fit = readonly number[];

/** Microseconds. */
export interface CallCosts {
  /** A pod's arithmetic for a call, over (1, experts, pairs). */
  compute: Fit;
  /** The rest of a call, over (1, bytes both ways). */
  hop: Fit;
  /** What a layer costs the thinker besides (dispatch and joining, cores that are shared), over (1, tokens). */
  thinker: Fit;
}

export interface MixtureShape {
  layers: number;
  experts: number;
  perToken: number;
  hiddenSize: number;
  /** Bytes of a row on its way to a pod; it comes back as float32. */
  rowBytes: number;
}

/** Where the experts are. */
export interface Split {
  pods: number;
  /** Cores that pods and thinker share; Infinity where every pod has a machine of its own. */
  cores: number;
  /** Added to each call by the network, microseconds. */
  networkUs: number;
}

/**
 * Predicted microseconds of a decode step of `tokens` sequences, from the co-located step's measured time. Its expert
 * arithmetic goes away; each layer waits for the slowest of its calls instead. From two sequences on the step is two
 * halves whose experts and attention overlap, which hides whatever of a half's wait the other's attention covers.
 */
export function predictStep(
  costs: CallCosts,
  shape: MixtureShape,
  tokens: number,
  localUs: number,
  split: Split,
): number {
  const denseUs = Math.max(0, localUs / shape.layers - computeUs(costs, shape, tokens, 1));
  const ownUs = dot(costs.thinker, [1, tokens]);
  const together = denseUs + waitUs(costs, shape, tokens, split);
  if (tokens < 2) return shape.layers * (ownUs + together);
  // Neither the attention of both halves nor a pod's arithmetic for both can be hidden.
  const { pods, cores } = split;
  const halves = Math.max(
    denseUs,
    denseUs / 2 + waitUs(costs, shape, tokens / 2, split),
    2 * Math.max(1, pods / cores) * computeUs(costs, shape, tokens / 2, pods),
  );
  return shape.layers * (ownUs + Math.min(together, halves));
}

/** Fewest tokens of a batch for which the split is no slower than one process; null where none up to 4,096 is. */
export function breakEven(
  costs: CallCosts,
  shape: MixtureShape,
  localUs: (tokens: number) => number,
  split: Split,
): number | null {
  for (let tokens = 1; tokens <= 4096; tokens *= 2) {
    if (predictStep(costs, shape, tokens, localUs(tokens), split) <= localUs(tokens)) return tokens;
  }
  return null;
}

/** Of one layer's call to each pod, side by side as far as there are cores. */
function waitUs(
  costs: CallCosts,
  shape: MixtureShape,
  tokens: number,
  { pods, cores, networkUs }: Split,
): number {
  const pairs = (tokens * shape.perToken) / pods;
  // A row crosses once for all experts of a pod.
  const rows = tokens * (1 - (1 - 1 / pods) ** shape.perToken);
  const bytes = rows * shape.rowBytes + pairs * shape.hiddenSize * 4;
  const hop = dot(costs.hop, [1, bytes]);
  const turns = Math.max(1, pods / cores);
  return networkUs + turns * (hop + computeUs(costs, shape, tokens, pods));
}

/** A pod's arithmetic for its share of a layer. */
function computeUs(
  costs: CallCosts,
  { experts, perToken }: MixtureShape,
  tokens: number,
  pods: number,
): number {
  // Experts that some token of the batch takes, if all are taken equally often.
  const touched = experts * (1 - (1 - perToken / experts) ** tokens);
  return dot(costs.compute, [1, touched / pods, (tokens * perToken) / pods]);
}

function dot(fit: Fit, features: readonly number[]): number {
  return features.reduce((sum, value, at) => sum + value * (fit[at] as number), 0);
}

/** Least squares over rows of features; throws where they do not determine it. */
export function fitLine(features: readonly (readonly number[])[], values: readonly number[]): Fit {
  const width = features[0]?.length ?? 0;
  const rows = Array.from({ length: width }, (_, i) => [
    ...Array.from({ length: width }, (_, j) =>
      sum(features.map((row) => (row[i] as number) * (row[j] as number))),
    ),
    sum(features.map((row, at) => (row[i] as number) * (values[at] as number))),
  ]);
  for (let i = 0; i < width; i++) {
    const pivot = rows.slice(i).reduce((best, row) => (Math.abs(row[i]!) > Math.abs(best[i]!) ? row : best));
    if (Math.abs(pivot[i]!) < 1e-9) throw new Error('the measurements do not determine a line');
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(i, 0, pivot);
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = row[i]! / pivot[i]!;
      for (let j = i; j <= width; j++) row[j] = row[j]! - factor * pivot[j]!;
    }
  }
  return rows.map((row, i) => row[width]! / row[i]!);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
