import type { PodLink } from '../pods/pod-link';
import type { PodState } from '../pods/pod-state';

/** A pod of the artifact that is placed. */
export interface Member {
  link: PodLink;
  state: PodState;
  /** It may hold experts from now on; one that was lost a moment ago may come back with what it had. */
  stays: boolean;
}

/** What is placed. */
export interface Artifact {
  digest: string;
  layers: number;
  experts: number;
}

interface Moment {
  nowMs: number;
  /** A pod that is down for longer has lost what it held. */
  lostMs: number;
}

/** The artifact that was placed before while any pod has it, or none has another; else that of most pods. */
export function artifactOf(
  links: readonly PodLink[],
  before: Artifact | null,
  moment: Moment,
): Artifact | null {
  const votes = new Map<string, { artifact: Artifact; count: number }>();
  for (const link of links) {
    if (!link.last || !isHere(link, moment)) continue;
    const { artifactDigest: digest, layers, experts } = link.last;
    if (digest === before?.digest) return before;
    const vote = votes.get(digest) ?? { artifact: { digest, layers, experts }, count: 0 };
    votes.set(digest, { ...vote, count: vote.count + 1 });
  }
  const order = [...votes.values()].sort(
    (a, b) => b.count - a.count || (a.artifact.digest < b.artifact.digest ? -1 : 1),
  );
  return order[0]?.artifact ?? before;
}

export function membersOf(
  links: readonly PodLink[],
  { digest, layers, experts }: Artifact,
  moment: Moment,
): Member[] {
  return links.flatMap((link) => {
    const { last: state, leaving } = link;
    if (state?.artifactDigest !== digest || state.layers !== layers || state.experts !== experts) return [];
    return [{ link, state, stays: isHere(link, moment) && !leaving && !state.draining }];
  });
}

function isHere({ up, downSince }: PodLink, { nowMs, lostMs }: Moment): boolean {
  return up || nowMs - downSince < lostMs;
}
