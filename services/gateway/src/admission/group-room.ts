import { replicaRoom } from '@zen/admission';
import { allows } from '@zen/routing';
import type { Fleet, Group } from '../fleet/fleet';

/** Where nobody can answer there is nothing to wait for: whoever asks shall be told so at once. */
const NOBODY = 1;

/** Requests that the group's replicas can take now. Those with an open circuit look idle and do not count. */
export function groupRoom({ links }: Pick<Group, 'links'>, nowMs: number): number {
  const usable = links.flatMap((link) => {
    const state = allows(link.circuit, nowMs) ? link.occupancy() : undefined;
    return state ? [replicaRoom(state)] : [];
  });
  if (usable.length === 0) return NOBODY;
  return usable.reduce((sum, room) => sum + Math.max(0, room), 0);
}

/** The same by name; while no replica of a group is connected, those that wait for it go on waiting. */
export function roomIn(fleet: Fleet, name: string, nowMs: number): number {
  const named = ({ model }: Group) => model === name;
  const group = fleet.models().find(named) ?? fleet.families().find(named);
  return group ? groupRoom(group, nowMs) : 0;
}
