import { BANDS } from '@zen/admission';
import type { FrontQueue } from './front-queue';

/** Tenants shown of each priority, those with the most requests. */
const SHOWN = 20;

/** Who waits at the gateway, for /debug/queues. Whoever asks is told the name of its own tenant alone. */
export function queueReport(queue: FrontQueue, asking: string, nowMs: number) {
  const waiting = [...queue.all()];
  const bands = BANDS.map((band) => {
    const here = waiting.filter(({ ask }) => ask.band === band);
    const flows = new Map<string, (typeof here)[number][]>();
    for (const one of here) {
      const name = `${one.ask.group} ${one.tenant}`;
      flows.set(name, [...(flows.get(name) ?? []), one]);
    }
    const tenants = [...flows.values()].sort((a, b) => b.length - a.length).slice(0, SHOWN);
    return {
      priority: band,
      ...queue.held(band),
      tokens_per_second: Math.round(queue.tokensPerSecond(band)),
      tenants: tenants.map((flow) => ({
        model: flow[0]?.ask.group,
        tenant: flow[0]?.tenant === asking ? asking : null,
        weight: flow[0]?.weight,
        requests: flow.length,
        tokens: Math.round(flow.reduce((sum, { tokens }) => sum + tokens, 0)),
        // Inside a flow the first is the oldest.
        longest_wait_ms: Math.round(nowMs - (flow[0]?.sinceMs ?? nowMs)),
      })),
    };
  });
  const groups = [...new Set(waiting.map(({ ask }) => ask.group))];
  const room = groups.map((group) => ({ model: group, room: queue.roomOf(group) }));
  return { room, bands };
}
