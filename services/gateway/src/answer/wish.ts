import type { Objective, StageWish } from '@zen/quality';
import type { Group } from '../fleet/fleet';
import { GatewayError } from '../gateway-error';
import type { AnswerRequest } from './answer';

/** Caller, tenant and default together: the highest floor holds, the caller's objective comes first. */
export function wishOf({ wish, tenant }: AnswerRequest, group: Group, objective: Objective): StageWish {
  const { pin, full } = wish;
  const asked = wish.minStage ?? 0;
  if (pin !== undefined && pin < asked) {
    const message = `x-zen-stage: ${pin} is below x-zen-min-stage, ${asked}`;
    throw new GatewayError('invalid_request', message, { param: 'x-zen-stage' });
  }
  const top = Math.max(0, ...group.links.flatMap(({ stages }) => stages.map(({ stage }) => stage)));
  if (pin !== undefined && full && pin !== top) {
    const message = `x-zen-stage: ${pin} is not what x-zen-quality: full asks for, ${top}`;
    throw new GatewayError('invalid_request', message, { param: 'x-zen-stage' });
  }
  // A floor of the tenant that the ladder lacks means its highest; one that the caller names is an error.
  const floor = Math.max(asked, Math.min(tenant.minStage, top));
  return {
    pin,
    minStage: full ? Math.max(top, asked) : floor,
    objective: {
      ttftMs: wish.ttftMs ?? tenant.objective.ttftMs ?? objective.ttftMs,
      tpotMs: wish.tpotMs ?? tenant.objective.tpotMs ?? objective.tpotMs,
    },
  };
}
