import type { ExpertFalls } from '@zen/contracts';

const NONE: ExpertFalls = { standIn: 0n, without: 0n };

/** Both together; undefined where there were none. */
export function addFalls(one?: ExpertFalls, other?: ExpertFalls): ExpertFalls | undefined {
  const { standIn, without } = one ?? NONE;
  const more = other ?? NONE;
  const sum = { standIn: standIn + more.standIn, without: without + more.without };
  return sum.standIn + sum.without === 0n ? undefined : sum;
}
