import type { DeltaCapacity } from '@zen/contracts';
import type { Fleet, Group } from '../fleet/fleet';
import type { ReplicaLink } from '../fleet/replica-link';
import { GatewayError } from '../gateway-error';
import type { AnswerDelta } from './answer-delta';

/** What decides who can answer a request. */
export interface Fitted {
  model: string;
  delta: AnswerDelta | null;
}

/**
 * The replicas that can answer a request: of its model all, with a delta those whose base and places fit it. Of a
 * family that is the group of its best connected member whose base fits: another member is another base. Throws a
 * GatewayError that names what does not fit; the base never takes a delta's place.
 */
export function fittingGroup(fleet: Pick<Fleet, 'group'>, { model, delta }: Fitted): Group {
  const whole = fleet.group(model);
  if (!delta) return whole;
  const based = whole.links.filter(({ about }) => about?.baseDigest === delta.baseDigest);
  if (based.length === 0) throw wrongBase(whole, delta);
  const able = based.filter(({ deltas }) => deltas && takes(deltas, delta));
  if (able.length === 0) throw noPlace(whole, based, delta);
  const best = whole.members.find((member) => able.some(({ about }) => about?.model === member.model));
  const group = whole.members.length > 1 && best ? fleet.group(best.model) : whole;
  return { ...group, links: able.filter(({ about }) => about?.model === group.members[0]?.model) };
}

/** Whether the replica has a place for the delta that no running answer holds. */
export function hasPlace(link: ReplicaLink, delta: AnswerDelta): boolean {
  const { deltas } = link;
  if (!deltas) return false;
  return isSmall(deltas, delta)
    ? deltas.slotsPinned < deltas.slots
    : deltas.denseSlotsPinned < deltas.denseSlots;
}

function takes(capacity: DeltaCapacity, delta: AnswerDelta): boolean {
  return isSmall(capacity, delta) || capacity.denseSlots > 0;
}

/** What does not fit a small place takes a dense one. A replica that does not say how large they are refuses by itself. */
function isSmall({ slots, slotBytes }: DeltaCapacity, { bytes }: AnswerDelta): boolean {
  return slots > 0 && (slotBytes === 0n || bytes <= slotBytes);
}

function wrongBase({ model, members, links }: Group, { field, baseDigest }: AnswerDelta): GatewayError {
  const connected = (name: string) => links.some(({ about }) => about?.model === name);
  if (members.length > 1 && !members.every((member) => connected(member.model))) {
    const message = `no connected member of "${model}" has the base of the delta, ${baseDigest}`;
    return new GatewayError('unavailable', message, { retryAfterS: 1 });
  }
  const message = `${field}: the delta is of the base ${baseDigest}, which "${model}" is not`;
  return new GatewayError('delta_wrong_base', message, { param: field });
}

function noPlace({ model }: Group, based: readonly ReplicaLink[], delta: AnswerDelta): GatewayError {
  const { field, bytes } = delta;
  const capacities = based.flatMap(({ deltas }) => (deltas && deltas.slots > 0 ? [deltas] : []));
  if (capacities.length > 0) {
    const largest = Math.max(...capacities.map(({ slotBytes }) => Number(slotBytes)));
    const message = `${field}: the delta has ${bytes} bytes, the places of "${model}" at most ${largest}`;
    return new GatewayError('delta_too_large', message, { param: field });
  }
  const message = `${field}: no replica of "${model}" takes deltas`;
  return new GatewayError('unsupported', message, { param: field });
}
