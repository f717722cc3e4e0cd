import type { Band } from '@zen/admission';
import { Priority } from '@zen/contracts';
import type { Objective, RungWish } from '@zen/quality';
import { bandOf } from '../admission/band-of';
import type { Group } from '../fleet/fleet';
import { GatewayError } from '../gateway-error';
import { allowedPriority } from '../keys/tenant';
import type { AnswerRequest } from './answer';

/** The server's own objective for each priority. */
export interface Objectives {
  interactive: Objective;
  normal: Objective;
  batch: Objective;
}

/** Caller, tenant and default together: the highest floor holds, the caller's objective comes first. */
export function wishOf(
  { wish, tenant, priority: asked }: AnswerRequest,
  { links, minStage: least }: Pick<Group, 'links' | 'minStage'>,
  { objectives, waitMs }: { objectives: Objectives; waitMs: Record<Band, number> },
): RungWish {
  const { pin, full, structured, minStage = 0 } = wish;
  if (pin !== undefined && pin < minStage) {
    const message = `x-zen-stage: ${pin} is below x-zen-min-stage, ${minStage}`;
    throw new GatewayError('invalid_request', message, { param: 'x-zen-stage' });
  }
  if (pin !== undefined && pin < least) {
    const message = `x-zen-stage: ${pin} is below the lowest stage of this model, ${least}`;
    throw new GatewayError('invalid_request', message, { param: 'x-zen-stage' });
  }
  const top = Math.max(0, ...links.flatMap(({ stages }) => stages.map(({ stage }) => stage)));
  if (pin !== undefined && full && pin !== top) {
    const message = `x-zen-stage: ${pin} is not what x-zen-quality: full asks for, ${top}`;
    throw new GatewayError('invalid_request', message, { param: 'x-zen-stage' });
  }
  const priority = allowedPriority(asked, tenant);
  const own = objectiveOf(priority, objectives);
  const ttftMs = wish.ttftMs ?? tenant.objective.ttftMs ?? own.ttftMs;
  const tpotMs = wish.tpotMs ?? tenant.objective.tpotMs ?? own.tpotMs;
  const standard = ttftMs === own.ttftMs && tpotMs === own.tpotMs;
  return {
    pin,
    full,
    structured,
    // A floor of the tenant that the ladder lacks means its highest; one that the caller names is an error.
    minStage: Math.max(minStage, Math.min(tenant.minStage, top)),
    objective: { ttftMs, tpotMs },
    standard,
    priority,
    maxQueueMs: waitMs[bandOf(priority)],
  };
}

function objectiveOf(priority: Priority, { interactive, normal, batch }: Objectives): Objective {
  if (priority === Priority.PRIORITY_INTERACTIVE) return interactive;
  return priority === Priority.PRIORITY_BATCH ? batch : normal;
}
