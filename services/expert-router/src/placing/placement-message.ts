import type { PlacedLayer, PlacedPod, Placement } from '@zen/contracts';
import type { Artifact, Member } from './members';

/**
 * What thinkers are told, but for its version: every expert's pods, of those that hold it now and are not about to drop it. A pod that is
 * going, or was not reached lately, is named only where there is nobody else: it may still answer.
 */
export function placementMessage(
  artifact: Artifact,
  members: readonly Member[],
  /** Whether a pod goes on holding what it holds. */
  keeps: (member: Member, layer: number, expert: number) => boolean,
): Placement {
  const pods: PlacedPod[] = [];
  const indices = new Map<Member, number>();
  const indexOf = (member: Member): number => {
    const known = indices.get(member);
    if (known !== undefined) return known;
    const { state, link } = member;
    indices.set(member, pods.length);
    return pods.push({ name: state.pod, address: link.address, stage: state.stage }) - 1;
  };
  const layers = Array.from({ length: artifact.layers }, (_, layer): PlacedLayer => {
    const experts = Array.from({ length: artifact.experts }, (_, expert) => {
      const holders = members.filter(({ state }) => state.held[layer]!.has(expert));
      const sound = holders.filter(
        (member) => member.stays && member.link.up && keeps(member, layer, expert),
      );
      return { pods: (sound.length > 0 ? sound : holders).map(indexOf).sort((a, b) => a - b) };
    });
    return { layer, experts };
  });
  return { version: 0n, artifactDigest: artifact.digest, pods, layers };
}
