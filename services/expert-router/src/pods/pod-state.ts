import type { ExpertPodState, LayerExperts } from '@zen/contracts';

/** What a pod says of itself, checked. */
export interface PodState {
  pod: string;
  artifactDigest: string;
  layers: number;
  experts: number;
  /** Most experts of one layer that it takes. */
  capacity: number;
  assignedVersion: bigint;
  heldVersion: bigint;
  /** [layers] */
  held: readonly ReadonlySet<number>[];
  stage: number;
  draining: boolean;
  message: ExpertPodState;
}

const MAX_LAYERS = 1024;
const MAX_EXPERTS = 4096;
const MAX_NAME = 253;
/** So that there is always a higher one. */
export const MAX_VERSION = 2n ** 62n;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const TOP_STAGE = 4;

/**
 * The state as the router uses it; null for a pod that does not know yet what it is of. Throws an Error that names the
 * field and its limit.
 */
export function podState(message: ExpertPodState): PodState | null {
  const { pod, artifactDigest, layers, experts, expertsPerLayer, heldStage } = message;
  if (pod.length < 1 || pod.length > MAX_NAME) throw new Error(`pod: 1 to ${MAX_NAME} characters`);
  if (artifactDigest === '') return null;
  if (!DIGEST.test(artifactDigest))
    throw new Error('artifact_digest: not "sha256:" and 64 hexadecimal digits');
  within('layers', layers, 1, MAX_LAYERS);
  within('experts', experts, 1, MAX_EXPERTS);
  if (message.assignedVersion > MAX_VERSION) throw new Error(`assigned_version: above ${MAX_VERSION}`);
  within('held_stage', heldStage, 0, TOP_STAGE);
  return {
    pod,
    artifactDigest,
    layers,
    experts,
    capacity: Math.min(expertsPerLayer, experts),
    assignedVersion: message.assignedVersion,
    heldVersion: message.heldVersion,
    held: heldOf(message.held, layers, experts),
    stage: heldStage,
    draining: message.draining,
    message,
  };
}

function heldOf(held: readonly LayerExperts[], layers: number, experts: number): Set<number>[] {
  const all = Array.from({ length: layers }, () => new Set<number>());
  for (const entry of held) {
    within('held.layer', entry.layer, 0, layers - 1);
    for (const expert of entry.experts) {
      within('held.experts', expert, 0, experts - 1);
      all[entry.layer]!.add(expert);
    }
  }
  return all;
}

function within(field: string, value: number, least: number, most: number): void {
  if (value < least || value > most) throw new Error(`${field}: ${value} is not within ${least} to ${most}`);
}
