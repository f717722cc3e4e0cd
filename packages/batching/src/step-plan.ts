import { nextTenant } from './admission';
import type { KvMemory } from './kv-memory';
import { type Limits, PRIORITY_RANK } from './request';
import { ranked, type Sequence } from './sequence';
import type { Draft } from './step-backend';
import type { TenantClock } from './tenant-clock';

export interface PlannedItem {
  sequence: Sequence;
  /** Positions to compute. */
  count: number;
  /** Guesses of what follows them, checked in the step; null for none. */
  draft: Draft | null;
}

export interface Composition {
  running: readonly Sequence[];
  holders: Iterable<Sequence>;
  limits: Limits;
  clock: TenantClock;
  memory: KvMemory;
  nowUs: number;
  /** The last step that computed prompts beside decodes. */
  lastMixed: { endedUs: number; elapsedUs: number };
  /** Prompt tokens that fit `Limits.mixedStepUs` beside this many decodes; Infinity while it is not known. */
  mixedPromptTokens(decodes: number): number;
}

/** Prompt tokens of a chunk are given out in this grain. */
const GRAIN = 32;
/** Share of its objective for the first token in which a prompt makes way. */
const MAKES_WAY = 0.5;

/**
 * Chooses what one step computes: every sequence that decodes, then prompt chunks with what the token budget
 * leaves. Decodes never wait for prompts; prompts always get at least a grain, except while they rest.
 */
export function composeStep(composition: Composition): PlannedItem[] {
  const { running, limits, nowUs } = composition;
  const plan = new Map<Sequence, number>();
  const order = ranked(running, nowUs, limits);
  for (const sequence of order.filter((one) => one.decoding)) {
    if (sequence.state === 'running' && secure(sequence, plan, composition) > 0) {
      add(sequence, 1, plan, composition);
    }
  }
  const prompts = order.filter((one) => !one.decoding);
  const budget = limits.stepTokens - plan.size;
  const beside = tokensBeside([...plan.keys()], prompts, composition);
  prefill(prompts, Math.floor(Math.min(budget, beside)), plan, composition);
  return [...plan].map(([sequence, count]) => ({ sequence, count, draft: null }));
}

/** Prompt tokens for a step with these decodes, by how long it would take. */
function tokensBeside(
  decodes: readonly Sequence[],
  prompts: readonly Sequence[],
  composition: Composition,
): number {
  if (decodes.length === 0 || prompts.length === 0) return Number.POSITIVE_INFINITY;
  const fitting = composition.mixedPromptTokens(decodes.length);
  if (fitting >= GRAIN) return fitting;
  return promptsRest(prompts, decodes, composition) ? 0 : GRAIN;
}

/**
 * Where not even a grain fits beside the decodes, prompts that come one after another would make every step a long
 * one, and a prompt has more time than a token: after a step with a grain they rest for as long as it took. Not once
 * half of one's objective for the first token is over, nor where one is more important than all that decode.
 */
function promptsRest(
  prompts: readonly Sequence[],
  decodes: readonly Sequence[],
  { lastMixed, nowUs }: Composition,
): boolean {
  if (nowUs >= lastMixed.endedUs + lastMixed.elapsedUs) return false;
  const highest = Math.max(...decodes.map(({ request }) => PRIORITY_RANK[request.priority]));
  return prompts.every(
    ({ request, submittedUs }) =>
      nowUs < submittedUs + (request.ttftUs ?? 0) * MAKES_WAY && PRIORITY_RANK[request.priority] <= highest,
  );
}

/**
 * Gives out prompt tokens grain by grain: the tenant furthest behind first; of its prompts the one that ranks
 * first gets half, so that a long prompt always goes on, and the shortest gets the rest, so that short prompts
 * need not wait for it.
 */
function prefill(
  prompts: Sequence[],
  budget: number,
  plan: Map<Sequence, number>,
  composition: Composition,
): void {
  const { clock } = composition;
  const left = (one: Sequence) => one.pending - (plan.get(one) ?? 0);
  let open = prompts;
  let given = 0;
  while (given < budget) {
    open = open.filter((one) => one.state === 'running' && left(one) > 0);
    if (open.length === 0) return;
    const first = nextTenant(open, (tenant) => clock.time(tenant));
    const own = open.filter((one) => one.request.tenant === first.request.tenant);
    const shortest = own.reduce((best, one) => (left(one) < left(best) ? one : best));
    const sequence = given < budget / 2 ? first : shortest;
    const room = secure(sequence, plan, composition);
    if (room === 0) {
      open = open.filter((one) => one !== sequence);
      continue;
    }
    const count = Math.min(GRAIN, budget - given, left(sequence), room);
    add(sequence, count, plan, composition);
    given += count;
  }
}

function add(
  sequence: Sequence,
  count: number,
  plan: Map<Sequence, number>,
  { memory, clock }: Composition,
): void {
  const before = plan.get(sequence) ?? 0;
  memory.plan(memory.growth(sequence, before + count) - memory.growth(sequence, before));
  plan.set(sequence, before + count);
  clock.charge(sequence.request.tenant, count / sequence.weight);
}

function drop(sequence: Sequence, plan: Map<Sequence, number>, { memory, clock }: Composition): void {
  const planned = plan.get(sequence) ?? 0;
  plan.delete(sequence);
  memory.plan(-memory.growth(sequence, planned));
  clock.charge(sequence.request.tenant, -planned / sequence.weight);
  memory.preempt(sequence);
}

/**
 * Room for more positions of the sequence. Where there is none it preempts: the idle first, then whoever ranks
 * lowest, the newest first, and never one that ranks above the sequence itself. 0 if that does not help.
 */
function secure(sequence: Sequence, plan: Map<Sequence, number>, composition: Composition): number {
  const { holders, limits, memory, nowUs } = composition;
  const room = () => memory.room(sequence.computed + (plan.get(sequence) ?? 0));
  if (room() > 0) return room();
  const order = ranked(holders, nowUs, limits);
  const idle = order.filter((one) => one.idle);
  const below = order.slice(order.indexOf(sequence) + 1).filter((one) => !one.idle);
  for (const victim of [...idle.reverse(), ...below.reverse()]) {
    if (victim.computed === 0 && !plan.has(victim)) continue;
    drop(victim, plan, composition);
    if (room() > 0) return room();
  }
  return 0;
}
