import type { DeltaCapacity } from '@zen/contracts';
import type { Fleet, Group } from '../fleet/fleet';
import type { ReplicaLink } from '../fleet/replica-link';
import { GatewayError } from '../gateway-error';
import { type AnswerDelta, isDense } from './answer-delta';

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
  return isDense(delta) ? deltas.denseSlotsPinned < deltas.denseSlots : deltas.slotsPinned < deltas.slots;
}

function takes(capacity: DeltaCapacity, delta: AnswerDelta): boolean {
  if (isDense(delta)) return capacity.denseSlots > 0;
  return capacity.slots > 0 && fitsSlot(capacity, delta);
}

/** A replica that does not say how large its places are refuses by itself. */
function fitsSlot({ slotBytes }: DeltaCapacity, { bytes }: AnswerDelta): boolean {
  return slotBytes === 0n || bytes <= slotBytes;
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
  const { field, bytes, recipe } = delta;
  const capacities = based.flatMap(({ deltas }) => deltas ?? []);
  const slots = capacities.filter(({ slots }) => slots > 0);
  if (!isDense(delta) && slots.length > 0) {
    const largest = Math.max(...slots.map(({ slotBytes }) => Number(slotBytes)));
    const message = `${field}: the delta has ${bytes} bytes, the places of "${model}" at most ${largest}`;
    return new GatewayError('delta_too_large', message, { param: field });
  }
  const message = `${field}: no replica of "${model}" has places for deltas of recipe ${recipe}`;
  return new GatewayError('unsupported', message, { param: field });
}
