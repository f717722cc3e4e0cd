import { filter, pick, type Routing } from '@zen/routing';

/** `round-robin`, or `sticky` with the threshold that the product has, or `sticky:K` with another. */
export function policyOf(name: string): Routing {
  if (name === 'round-robin') return roundRobin();
  const [kind, saturation] = name.split(':');
  if (kind !== 'sticky') throw new Error(`unknown policy "${name}"`);
  if (saturation === undefined) return pick;
  return (candidates, need, nowMs, random) => pick(candidates, need, nowMs, random, Number(saturation));
}

/** Each in its turn, of those that can take the request. */
function roundRobin(): Routing {
  let turn = 0;
  return (candidates, need, nowMs) => {
    const { fit, excluded } = filter(candidates, need, nowMs);
    const { id } = fit.sort((a, b) => (a.id < b.id ? -1 : 1))[turn++ % fit.length] ?? {};
    if (id === undefined) return { t: 'none', excluded };
    return { t: 'picked', id, reason: fit.length === 1 ? 'only' : 'load', excluded };
  };
}
