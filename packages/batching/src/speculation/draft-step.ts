import type { KvMemory } from '../kv-memory';
import type { Limits } from '../request';
import type { Sequence } from '../sequence';
import { draftTokens } from '../step-costs';
import type { PlannedItem } from '../step-plan';
import type { Speculator } from './speculator';

/**
 * Lets sequences draft in a step that does nothing but decode. It takes nothing from anyone: neither tokens beyond
 * what an answer or its reader has room for, nor KV memory that is not free.
 */
export function draftStep(
  planned: PlannedItem[],
  speculator: Speculator,
  limits: Limits,
  memory: KvMemory,
  stageOf: (sequence: Sequence) => number,
): void {
  if (!planned.every(({ sequence }) => sequence.decoding)) return;
  const decodes = planned.map(({ sequence }) => {
    const left = sequence.maxTokens - sequence.sampled.length - 1;
    const unread = limits.maxUnread - sequence.generation.unread - 1;
    const room = memory.room(sequence.computed + 1);
    return { sequence, stage: stageOf(sequence), most: Math.min(left, unread, room) };
  });
  const drafts = speculator.plan(decodes, limits.stepTokens - planned.length);
  for (const item of planned) {
    const draft = drafts.get(item.sequence) ?? null;
    const count = draftTokens(draft);
    const blocks = memory.growth(item.sequence, 1 + count) - memory.growth(item.sequence, 1);
    // Several may have counted on the same room.
    if (draft === null || blocks > memory.free) continue;
    memory.plan(blocks);
    item.draft = draft;
  }
}
