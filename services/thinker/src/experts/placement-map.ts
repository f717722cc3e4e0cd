import type { Placement } from '@zen/contracts';

/** What a mixture is, as far as its experts' places are concerned. */
export interface MixtureShape {
  layers: number;
  experts: number;
}

export interface PlacedPod {
  name: string;
  /** host:port. */
  address: string;
  /** Highest stage that all of its experts have. */
  stage: number;
}

const MOST_PODS = 4096;
const MOST_NAME = 256;
const HIGHEST_STAGE = 4;
const NOBODY: readonly PlacedPod[] = [];

/** A placement that cannot be followed; the message names the field and its limit. */
export class PlacementError extends Error {
  override readonly name = 'PlacementError';
}

/** Which pods hold each expert: one placement, checked, looked up by (layer, expert). */
export class PlacementMap {
  private constructor(
    readonly version: bigint,
    readonly pods: readonly PlacedPod[],
    private readonly experts: number,
    /** [layers × experts]. */
    private readonly held: readonly (readonly PlacedPod[] | undefined)[],
  ) {}

  /** Throws a PlacementError where it is not one of this artifact's. */
  static from(placement: Placement, { layers, experts }: MixtureShape, artifactDigest: string): PlacementMap {
    if (placement.artifactDigest !== artifactDigest) {
      throw new PlacementError(
        `artifact_digest: ${placement.artifactDigest.slice(0, 80)} is placed, ${artifactDigest} is served here`,
      );
    }
    if (placement.pods.length > MOST_PODS) {
      throw new PlacementError(`pods: ${placement.pods.length}, limit ${MOST_PODS}`);
    }
    const pods = placement.pods.map(checkedPod);
    if (new Set(pods.map(({ address }) => address)).size < pods.length) {
      throw new PlacementError('pods: an address twice');
    }
    const held: (readonly PlacedPod[] | undefined)[] = new Array(layers * experts);
    for (const { layer, experts: placed } of placement.layers) {
      if (layer >= layers) throw new PlacementError(`layers: layer ${layer}, the model has ${layers}`);
      if (placed.length !== experts) {
        throw new PlacementError(`layers[${layer}].experts: ${placed.length}, the model has ${experts}`);
      }
      placed.forEach(({ pods: indices }, expert) => {
        const holders = [...new Set(indices)].map((index) => {
          const pod = pods[index];
          if (!pod) throw new PlacementError(`layers[${layer}].experts[${expert}].pods: no pod ${index}`);
          return pod;
        });
        held[layer * experts + expert] = holders;
      });
    }
    return new PlacementMap(placement.version, pods, experts, held);
  }

  holders(layer: number, expert: number): readonly PlacedPod[] {
    return this.held[layer * this.experts + expert] ?? NOBODY;
  }
}

function checkedPod({ name, address, stage }: PlacedPod, at: number): PlacedPod {
  if (name.length > MOST_NAME) throw new PlacementError(`pods[${at}].name: longer than ${MOST_NAME}`);
  if (address.length > MOST_NAME || !/^\S+:\d{1,5}$/.test(address)) {
    throw new PlacementError(`pods[${at}].address: must be host:port, at most ${MOST_NAME} characters`);
  }
  if (stage > HIGHEST_STAGE) {
    throw new PlacementError(`pods[${at}].stage: ${stage}, must be 0 to ${HIGHEST_STAGE}`);
  }
  return { name, address, stage };
}
