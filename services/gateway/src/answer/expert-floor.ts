import { ExpertFloor } from '@zen/contracts';
import { GatewayError } from '../gateway-error';
import type { AnswerRequest } from './answer';

/** What callers call the floors. */
export const EXPERT_FLOORS: Readonly<Record<string, ExpertFloor>> = {
  exact: ExpertFloor.EXPERT_FLOOR_EXACT,
  'stand-in': ExpertFloor.EXPERT_FLOOR_STAND_IN,
  without: ExpertFloor.EXPERT_FLOOR_WITHOUT,
};

const HEADER = 'x-zen-expert-floor';

/** `x-zen-expert-floor: exact`, `stand-in` or `without`; without the header it is the key's to say. */
export function expertFloorFrom(headers: Readonly<Record<string, string | undefined>>): ExpertFloor {
  const text = headers[HEADER];
  if (text === undefined) return ExpertFloor.EXPERT_FLOOR_UNSPECIFIED;
  if (Object.hasOwn(EXPERT_FLOORS, text)) return EXPERT_FLOORS[text] as ExpertFloor;
  const message = `${HEADER}: expected "exact", "stand-in" or "without"`;
  throw new GatewayError('invalid_request', message, { param: HEADER });
}

/** How far the answer may fall: what the request says, else its key, else the thinker's own default. */
export function expertFloorOf({ wish, tenant }: Pick<AnswerRequest, 'wish' | 'tenant'>): ExpertFloor {
  return wish.expertFloor === ExpertFloor.EXPERT_FLOOR_UNSPECIFIED ? tenant.expertFloor : wish.expertFloor;
}
