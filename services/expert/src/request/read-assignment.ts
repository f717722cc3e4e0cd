import type { AssignExpertsRequest } from '@zen/contracts';
import { invalid } from '../expert-error';

/** What bounds an assignment. */
export interface AssignmentLimits {
  layers: number;
  /** Of each layer. */
  experts: number;
  /** Most of one layer. */
  perLayer: number;
}

/** [layers][experts], 1 for what the pod shall hold; every number checked. */
export function readAssignment({ layers }: AssignExpertsRequest, limits: AssignmentLimits): Uint8Array {
  const assigned = new Uint8Array(limits.layers * limits.experts);
  let last = -1;
  for (const [index, { layer, experts }] of layers.entries()) {
    const field = `layers[${index}]`;
    if (layer <= last || layer >= limits.layers) {
      throw invalid(`${field}.layer`, `${layer} must be above ${last} and below ${limits.layers}`);
    }
    last = layer;
    if (experts.length > limits.perLayer) {
      throw invalid(`${field}.experts`, `${experts.length} experts, limit ${limits.perLayer}`);
    }
    let before = -1;
    for (const expert of experts) {
      if (expert <= before || expert >= limits.experts) {
        throw invalid(`${field}.experts`, `${expert} must be above ${before} and below ${limits.experts}`);
      }
      before = expert;
      assigned[layer * limits.experts + expert] = 1;
    }
  }
  return assigned;
}
